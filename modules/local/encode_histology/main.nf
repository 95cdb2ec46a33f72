// Turn the picture around every spot into features; a slice without image, or one that fails, has a record only.
process ENCODE_HISTOLOGY {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(slice), path(spots), path(image, stageAs: 'image/*'), path(matrix, stageAs: 'matrix/*')
    val options
    path weights, stageAs: 'weights/*'
    path reference, stageAs: 'reference/*'

    output:
    tuple val(meta), path('features.npz')         , emit: features, optional: true
    tuple val(meta), path('encode_histology.json'), emit: record
    tuple val(task.process), eval('versions.py h5py numpy pillow scikit-image scipy tifffile timm torch torchvision transformers zarr'), topic: versions

    script:
    def files  = [image: image, image_matrix: matrix, encoder_weights: weights, stain_reference: reference]
    def given  = files.findAll { _name, file -> file }.collect { name, file -> "--${name.replace('_', '-')} ${file}" }
    def chosen = options.findAll { _name, value -> value != null }.collect { name, value -> "--${name.replace('_', '-')} '${value}'" }
    """
    export OMP_NUM_THREADS=${task.cpus}
    encode_histology.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} ${(given + chosen).join(' ')} \\
        --device ${task.ext.device ?: 'auto'} \\
        --workers ${task.cpus} \\
        --features features.npz \\
        --record encode_histology.json
    """

    stub:
    """
    touch features.npz
    echo '{}' > encode_histology.json
    """
}

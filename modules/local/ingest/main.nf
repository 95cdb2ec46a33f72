// Read one slice of any supported platform into the canonical h5ad; a slice that cannot be read has a record only.
process INGEST {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), val(platform), path(data), path(image), path(annotation), val(annotation_column)

    output:
    tuple val(meta), path('slice.h5ad') , emit: slice, optional: true
    tuple val(meta), path('ingest.json'), emit: record
    tuple val(task.process), eval('versions.py anndata h5py pillow scipy'), topic: versions

    script:
    def platform_option   = platform ? "--platform ${platform}" : ''
    def image_option      = image ? "--image ${image}" : ''
    def annotation_option = annotation ? "--annotation ${annotation}" : annotation_column ? "--annotation '${annotation_column}'" : ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    ingest.py \\
        --sample '${meta.id}' \\
        --path ${data} ${platform_option} ${image_option} ${annotation_option} \\
        --slice slice.h5ad \\
        --record ingest.json
    """

    stub:
    """
    touch slice.h5ad
    echo '{}' > ingest.json
    """
}

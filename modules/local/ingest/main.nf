// Read one slice of any supported platform into the canonical h5ad; a slice that cannot be read has a record only.
process INGEST {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), val(settings), path(data), path(image), path(image_matrix), path(annotation)

    output:
    tuple val(meta), path('slice.h5ad') , emit: slice, optional: true
    tuple val(meta), path('ingest.json'), emit: record
    tuple val(task.process), eval('versions.py anndata h5py pillow scipy'), topic: versions

    script:
    def options = [
        data                  ? "--path ${data}" : '',
        settings.platform     ? "--platform ${settings.platform}" : '',
        settings.role         ? "--role ${settings.role}" : '',
        settings.spot_spacing ? "--spot-spacing ${settings.spot_spacing}" : '',
        image                 ? "--image ${image}" : '',
        image_matrix          ? "--image-matrix ${image_matrix}" : '',
        annotation            ? "--annotation ${annotation}" : settings.annotation_column ? "--annotation '${settings.annotation_column}'" : '',
    ].findAll().join(' ')
    """
    export OMP_NUM_THREADS=${task.cpus}
    ingest.py \\
        --sample '${meta.id}' \\
        ${options} \\
        --slice slice.h5ad \\
        --record ingest.json
    """

    stub:
    """
    touch slice.h5ad
    echo '{"metrics": {"has_counts": ${settings.role != 'target'}, "has_image": true}}' > ingest.json
    """
}

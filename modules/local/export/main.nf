include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The final slice as files that other tools open; a format that cannot be written is a warning of the slice.
process EXPORT {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice] } }
    time { timeFor(task) { [slice: slice] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), val(formats) // formats: [ 'spatialdata', 'loupe' ]

    output:
    tuple val(meta), path("${meta.id}.{spatialdata.zarr,loupe.*.csv,xenium_explorer.*.csv,cellxgene.h5ad}"), emit: files, optional: true
    tuple val(meta), path('export.json')                                                                     , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata spatialdata'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run export.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --formats ${formats.join(',')} \\
        --outdir . \\
        --record export.json
    """

    stub:
    """
    touch '${meta.id}.cellxgene.h5ad'
    echo '{}' > export.json
    """
}

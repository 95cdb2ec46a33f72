include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The page to explore one slice in a browser: one HTML file that needs no network, made from the final h5ad alone.
process EXPLORE {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad) // slice.h5ad as ASSEMBLE writes it

    output:
    tuple val(meta), path("${meta.id}.html"), emit: page, optional: true
    tuple val(meta), path('explore.json')   , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib pillow'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run explore.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --page '${meta.id}.html' \\
        --record explore.json
    """

    stub:
    """
    touch '${meta.id}.html'
    echo '{}' > explore.json
    """
}

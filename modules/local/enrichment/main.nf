include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Gene sets among the markers of each domain of one slice.
process ENRICHMENT {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad), path(markers) // slice.h5ad as ASSEMBLE writes it, slice.markers.csv as MARKERS does
    path gene_sets                             // sets.gmt or sets.gmt.gz
    val seed                                   // 0

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('enrichment.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run enrichment.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --markers ${markers} \\
        --gene-sets ${gene_sets} \\
        --seed ${seed} \\
        --outdir . \\
        --record enrichment.json
    """

    stub:
    """
    touch '${meta.id}.enrichment.csv'
    echo '{}' > enrichment.json
    """
}

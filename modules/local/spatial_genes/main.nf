include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Genes of one slice that vary over the tissue, and beyond its domains.
process SPATIAL_GENES {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad) // slice.h5ad as ASSEMBLE writes it
    val figures                 // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('spatial_genes.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run spatial_genes.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --figures ${figures} \\
        --outdir . \\
        --record spatial_genes.json
    """

    stub:
    """
    touch '${meta.id}.spatial_genes.csv' '${meta.id}.spatial_genes.png'
    echo '{}' > spatial_genes.json
    """
}

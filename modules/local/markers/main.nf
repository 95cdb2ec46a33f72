include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Marker genes of each domain of one slice, and its mean counts for deconvolution.
process MARKERS {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad) // slice.h5ad as ASSEMBLE writes it
    val seed                    // 0
    val figures                 // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('markers.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib scikit-learn scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run markers.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --seed ${seed} \\
        --figures ${figures} \\
        --outdir . \\
        --record markers.json
    """

    stub:
    """
    touch '${meta.id}.markers.csv' '${meta.id}.domain_means.csv' '${meta.id}.marker_dots.png'
    echo '{}' > markers.json
    """
}

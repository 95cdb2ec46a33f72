include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Ligands and receptors that lie side by side where domains of one slice meet, from a user's table of pairs.
process INTERACTIONS {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad) // as ASSEMBLE writes it
    path pairs, stageAs: 'pairs/*'
    val n_permutations
    val seed
    val figures // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('interactions.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py scipy pandas matplotlib'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run interactions.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --pairs ${pairs} \\
        --n-permutations ${n_permutations} \\
        --seed ${seed} \\
        --figures ${figures} \\
        --outdir . \\
        --record interactions.json
    """

    stub:
    """
    touch '${meta.id}.interactions.csv' '${meta.id}.interactions.png' '${meta.id}.interactions.svg'
    echo '{}' > interactions.json
    """
}

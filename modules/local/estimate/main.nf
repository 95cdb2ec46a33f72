include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// How many domains the slice holds, asked over several seeds, for slices whose number nobody gave.
process ESTIMATE {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice, spots: spots] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*')
    val seed

    output:
    tuple val(meta), path("${meta.id}.evidence.npz"), emit: evidence, optional: true
    tuple val(meta), path('estimate.json')          , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run estimate.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        --seed ${seed} \\
        --n-seeds 5 \\
        --evidence '${meta.id}.evidence.npz' \\
        --record estimate.json
    """

    stub:
    """
    touch '${meta.id}.evidence.npz'
    echo '{"metrics": {"n_domains": 3}}' > estimate.json
    """
}

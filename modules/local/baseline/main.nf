include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The control: spatially smoothed PCA with the vote of mixtures, and plain PCA with KMeans beside it.
process BASELINE {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice, spots: spots] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*'), val(n_domains)
    val seed

    output:
    tuple val(meta), path('baseline.npz'), path('baseline.json'), emit: domains, optional: true
    tuple val(meta), path('baseline.json')                      , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run baseline.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        --n-domains ${n_domains} \\
        --seed ${seed} \\
        --domains baseline.npz \\
        --record baseline.json
    """

    stub:
    """
    touch baseline.npz
    echo '{}' > baseline.json
    """
}

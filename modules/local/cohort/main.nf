include { largest   } from '../../../subworkflows/local/resources/main'
include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// What the sections of a group share: components, joint domains, and a verdict on joining them.
process COHORT {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(slices), spots: spots] } }
    time { timeFor(task) { [slice: largest(slices), spots: spots] } }

    input:
    tuple val(meta), val(sections), path(slices, stageAs: 'slices/?/*'), path(spots, stageAs: 'spots/?/*'), val(n_domains) // [ id: 'group:a', code: '8f1c' ], [ 'cortex_1', ... ], files in that order
    val seed

    output:
    tuple val(meta), path('components/*.components.npz'), emit: components, optional: true
    tuple val(meta), path('cohort.json')                , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run cohort.py \\
        --sample '${meta.id}' \\
        --sections '${sections.join(',')}' \\
        --slices slices \\
        --spots spots \\
        --n-domains ${n_domains} \\
        --seed ${seed} \\
        --n-seeds 3 \\
        --outdir components \\
        --record cohort.json
    """

    stub:
    """
    mkdir components
    touch ${sections.collect { section -> "components/${section}.components.npz" }.join(' ')}
    echo '{}' > cohort.json
    """
}

include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// One number of domains for all sections of a group, or for a slice that stands alone.
process POOL_NUMBERS {
    tag "${meta.id}"
    label 'process_single'
    memory { memoryFor(task) { [:] } }
    time { timeFor(task) { [:] } }

    input:
    tuple val(meta), path(evidence, stageAs: 'evidence/*') // [ id: 'group:a', code: '8f1c' ], [ cortex_1.evidence.npz, ... ]

    output:
    tuple val(meta), path('pool_numbers.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py numpy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run pool_numbers.py --sample '${meta.id}' --evidence evidence --record pool_numbers.json
    """

    stub:
    """
    echo '{"metrics": {"n_domains": 3}}' > pool_numbers.json
    """
}

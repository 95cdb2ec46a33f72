include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The same number for the same tissue in all sections of a group: of the baseline and of every method.
process MATCH {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [domains: domains] } }
    time { timeFor(task) { [domains: domains] } }

    input:
    tuple val(meta), val(members), path(domains, stageAs: 'domains/?/*'), path(components, stageAs: 'components/*') // [ id: 'group:a', code: '8f1c' ], [ [ 'cortex_1', 'stmfg' ], ... ], files in that order
    val methods                                                                                                   // [ 'stmfg', 'multist' ]  the first one numbers all
    val cohort                                                                                                    // matched, or joint where the joint domains number all

    output:
    tuple val(meta), path('numbers/*.numbers.json'), emit: numbers, optional: true
    tuple val(meta), path('match.json')            , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > members.json << 'END_OF_MEMBERS'
    ${groovy.json.JsonOutput.toJson(members)}
    END_OF_MEMBERS
    tissuegraph-run match.py \\
        --sample '${meta.id}' \\
        --members members.json \\
        --domains domains \\
        --components components \\
        --methods ${methods.join(',')} \\
        ${cohort == 'joint' ? '--joint' : '--no-joint'} \\
        --outdir numbers \\
        --record match.json
    """

    stub:
    """
    mkdir numbers
    touch ${members.collect { member -> "numbers/${member[0]}.numbers.json" }.unique().join(' ')}
    echo '{}' > match.json
    """
}

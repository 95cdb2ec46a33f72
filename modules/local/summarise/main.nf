include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The cohort at a glance: one table of all slices, failed ones included, and what the report shows.
process SUMMARISE {
    label 'process_single'
    memory { memoryFor(task) { [:] } }
    time { timeFor(task) { [:] } }

    input:
    path records, stageAs: 'records/?/*' // <step>.json of all steps and slices
    path rows
    stdin                                // [ params: parameters, run: typed ones, lost: tasks without record, made: of what ] as JSON: never part of a shell command

    output:
    path 'slices.csv'  , emit: table
    path 'content/*'   , emit: content
    path 'params.json' , emit: parameters
    path 'receipt.json', emit: receipt // what made the results, without what differs between two equal runs
    path 'verdict.json', emit: verdict // [ n_slices: 8, n_finished: 7, n_failed: 1, sentence: '...' ]
    tuple val(task.process), eval('tissuegraph-run versions.py'), topic: versions

    script:
    """
    mkdir -p records # (of no slice, where every first task was lost)
    cat > context.json
    tissuegraph-run summarise.py \\
        --records records \\
        --rows ${rows} \\
        --context context.json \\
        --params params.json \\
        --table slices.csv \\
        --content content \\
        --receipt receipt.json \\
        --verdict verdict.json
    """

    stub:
    """
    mkdir content
    python -c 'import json; print(json.dumps(json.loads(input())["params"], indent=1))' > params.json
    echo '{}' > receipt.json
    echo '{"n_finished": 1, "n_failed": 0, "sentence": "Nothing was computed."}' > verdict.json
    echo 'sample,status' > slices.csv
    touch content/stub_mqc.txt
    """
}

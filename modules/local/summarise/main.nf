// The cohort at a glance: one table of all slices, failed ones included, and what the report shows.
process SUMMARISE {
    label 'process_single'

    input:
    path summaries, stageAs: 'summaries/?/*' // slice.json of each slice that went through
    path records, stageAs: 'records/?/*'     // ingest.json and qc.json of all slices
    path rows
    stdin                                    // parameters as JSON: never part of a shell command

    output:
    path 'slices.csv' , emit: table
    path 'content/*'  , emit: content
    path 'params.json', emit: parameters
    tuple val(task.process), eval('versions.py'), topic: versions

    script:
    """
    cat > params.json
    summarise.py \\
        --summaries summaries \\
        --records records \\
        --rows ${rows} \\
        --params params.json \\
        --table slices.csv \\
        --content content
    """

    stub:
    """
    mkdir content
    cat > params.json
    touch slices.csv content/stub_mqc.txt
    """
}

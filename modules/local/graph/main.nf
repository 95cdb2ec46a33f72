include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Select genes, make a method's input and build its graphs; a slice that cannot be prepared has a record only.
process GRAPH {
    tag "${meta.id} ${method}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice, spots: spots] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(meta), val(method), val(settings), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*') // settings: what this step reads of the preset

    output:
    tuple val(meta), val(method), path("${method}.arrays.npz"), path("${method}.graph.json"), emit: arrays, optional: true
    tuple val(meta), path("${method}.graph.json")                                           , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py numpy scikit-misc scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run graph.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        --preset settings.yaml \\
        --arrays ${method}.arrays.npz \\
        --record ${method}.graph.json
    """

    stub:
    """
    touch ${method}.arrays.npz
    echo '{}' > ${method}.graph.json
    """
}

include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Embeddings of all seeds to one set of domains with a confidence per spot.
process CLUSTER {
    tag "${meta.id} ${method}"
    label 'process_low'
    memory { memoryFor(task) { [arrays: arrays] } }
    time { timeFor(task) { [arrays: arrays] } }

    input:
    tuple val(meta), val(method), val(settings), val(n_domains), path(arrays, stageAs: 'in/*'), path(embedding, stageAs: 'in/*')
    val seed

    output:
    tuple val(meta), val(method), path("${method}.domains.npz"), path("${method}.cluster.json"), emit: domains, optional: true
    tuple val(meta), path("${method}.cluster.json")                                            , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py igraph scikit-learn scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run cluster.py \\
        --sample '${meta.id}' \\
        --arrays ${arrays} \\
        --embedding ${embedding} \\
        --n-domains ${n_domains} \\
        --preset settings.yaml \\
        --seed ${seed} \\
        --domains ${method}.domains.npz \\
        --record ${method}.cluster.json
    """

    stub:
    """
    touch ${method}.domains.npz
    echo '{}' > ${method}.cluster.json
    """
}

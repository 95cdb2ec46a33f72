// Embeddings of all seeds to one set of domains with a confidence per spot.
process CLUSTER {
    tag "${meta.id} ${method}"
    label 'process_low'

    input:
    tuple val(meta), val(method), path(preset), path(arrays), path(embedding), path(baseline_record)
    val seed

    output:
    tuple val(meta), val(method), path('domains.npz'), emit: domains
    tuple val(meta), path('cluster.json')            , emit: record
    tuple val(task.process), eval('versions.py igraph scikit-learn scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cluster.py \\
        --sample '${meta.id}' \\
        --arrays ${arrays} \\
        --embedding ${embedding} \\
        --n-domains-as ${baseline_record} \\
        --preset ${preset} \\
        --seed ${seed} \\
        --domains domains.npz \\
        --record cluster.json
    """

    stub:
    """
    touch domains.npz
    echo '{}' > cluster.json
    """
}

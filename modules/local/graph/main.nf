// Select genes, make a method's input and build its graphs; a slice that cannot be prepared has a record only.
process GRAPH {
    tag "${meta.id} ${method}"
    label 'process_low'

    input:
    tuple val(meta), path(slice), path(spots), val(method), path(preset)

    output:
    tuple val(meta), val(method), path(preset), path('arrays.npz'), emit: arrays, optional: true
    tuple val(meta), path('graph.json')                          , emit: record
    tuple val(task.process), eval('versions.py h5py numpy scikit-misc scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    graph.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        --preset ${preset} \\
        --arrays arrays.npz \\
        --record graph.json
    """

    stub:
    """
    touch arrays.npz
    echo '{}' > graph.json
    """
}

// Train one method on one slice, once per seed; the last epoch counts and no label is read.
process TRAIN {
    tag "${meta.id} ${method}"
    label 'process_gpu'

    input:
    tuple val(meta), val(method), path(preset), path(arrays), path(features)
    val seed
    val n_seeds

    output:
    tuple val(meta), val(method), path('embedding.npz'), emit: embedding
    tuple val(meta), path('train.json')                , emit: record
    tuple val(task.process), eval('versions.py torch scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    train.py \\
        --sample '${meta.id}' \\
        --arrays ${arrays} \\
        ${features ? "--features ${features}" : ''} \\
        --preset ${preset} \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --device ${task.ext.device ?: 'auto'} \\
        --embedding embedding.npz \\
        --record train.json
    """

    stub:
    """
    touch embedding.npz
    echo '{}' > train.json
    """
}

include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// Train one method on one slice, once per seed; the last epoch counts and no label is read.
process TRAIN {
    tag "${meta.id} ${method}"
    label 'process_gpu'
    memory { memoryFor(task) { [arrays: arrays, features: features] } }
    time { timeFor(task) { [arrays: arrays, runs: n_seeds * hundredEpochs(settings)] } }

    input:
    tuple val(meta), val(method), val(settings), path(arrays, stageAs: 'in/*'), path(features, stageAs: 'in/*') // settings: what this step reads of the preset
    val seed
    val n_seeds

    output:
    tuple val(meta), val(method), path("${method}.embedding.npz"), path("${method}.train.json"), emit: embedding, optional: true
    tuple val(meta), path("${method}.train.json")                                              , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py torch scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run train.py \\
        --sample '${meta.id}' \\
        --arrays ${arrays} \\
        ${features ? "--features ${features}" : ''} \\
        --preset settings.yaml \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --device ${task.ext.device ?: 'auto'} \\
        --embedding ${method}.embedding.npz \\
        --record ${method}.train.json
    """

    stub:
    """
    touch ${method}.embedding.npz
    echo '{}' > ${method}.train.json
    """
}

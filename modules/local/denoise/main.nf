include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// What stMFG expects one slice to count, and whether that tells held-out counts better than plain smoothing.
process DENOISE {
    tag "${meta.id}"
    label 'process_gpu'
    memory { memoryFor(task) { [arrays: arrays, slice: h5ad, features: features] } }
    time { timeFor(task) { [arrays: arrays, runs: (n_seeds + 1) * (1 + hundredEpochs(settings))] } }

    input:
    tuple val(meta), path(h5ad), val(settings), path(arrays, stageAs: 'in/*'), path(features, stageAs: 'in/*') // settings: what TRAIN reads of the preset of stMFG; features: or []
    val seed
    val n_seeds // divisions of the counts for the comparison; one network more is trained for the layer
    val figures // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('denoise.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py torch scipy matplotlib'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run denoise.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --arrays ${arrays} \\
        ${features ? "--features ${features}" : ''} \\
        --preset settings.yaml \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --device ${task.ext.device ?: 'auto'} \\
        --figures ${figures} \\
        --outdir . \\
        --record denoise.json
    """

    stub:
    """
    touch '${meta.id}.denoised.csv' denoised.npz '${meta.id}.denoised.png' '${meta.id}.denoised.svg'
    echo '{}' > denoise.json
    """
}

include { decodedMegabytes } from '../../../subworkflows/local/sizes/main'
include { encoderMegabytes } from '../../../subworkflows/local/sizes/main'
include { encoderRuns      } from '../../../subworkflows/local/sizes/main'
include { megabytesIn      } from '../../../subworkflows/local/resources/main'
include { memoryFor        } from '../../../subworkflows/local/resources/main'
include { timeFor          } from '../../../subworkflows/local/resources/main'

// Turn the picture around every spot into features; a slice without image, or one that fails, has a record only.
process ENCODE_HISTOLOGY {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [more: encoderMegabytes(options, megabytesIn(spots)) + decodedMegabytes(megabytesIn(image))] } }
    time { timeFor(task) { [spots: spots, runs: encoderRuns(options, task.ext?.device)] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*'), path(image, stageAs: 'image/*'), path(matrix, stageAs: 'matrix/*')
    val options // [ encoder: 'handcrafted', tile_um: 100, context_rings: 0, stain_method: 'macenko' ]
    path weights, stageAs: 'weights/*'
    path reference, stageAs: 'reference/*'

    output:
    tuple val(meta), path('features.npz', arity: '0..*'), path('encode_histology.json'), emit: features
    tuple val(task.process), eval('tissuegraph-run versions.py h5py numpy pillow scikit-image scipy tifffile timm torch torchvision transformers zarr'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run encode_histology.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        ${image ? "--image ${image}" : ''} \\
        ${matrix ? "--image-matrix ${matrix}" : ''} \\
        --encoder '${options.encoder}' \\
        ${weights ? "--encoder-weights ${weights}" : ''} \\
        --tile-um ${options.tile_um} \\
        --context-rings ${options.context_rings} \\
        --stain-method ${options.stain_method} \\
        ${reference ? "--stain-reference ${reference}" : ''} \\
        --device ${task.ext.device ?: 'auto'} \\
        --workers ${task.cpus} \\
        --features features.npz \\
        --record encode_histology.json
    """

    stub:
    """
    touch features.npz
    echo '{}' > encode_histology.json
    """
}

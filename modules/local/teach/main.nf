include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { largest       } from '../../../subworkflows/local/resources/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// Regions that the annotated sections of a group teach: a model, and how well it names teachers that were left out.
process TEACH {
    tag "${meta.id}"
    label 'process_gpu'
    memory { memoryFor(task) { [slice: largest(slices), spots: spots] } }
    time { timeFor(task) { [spots: spots, runs: n_seeds * (members.size() + 1) * hundredEpochs(settings)] } }

    input:
    tuple val(meta), val(members), path(slices, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*'), path(features, stageAs: 'features?/*') // [ id: 'group:a', code: '8f1c' ], [[ name: 'cortex_1', patient: 'p1' ], ...], files in that order; features of all or of none
    val settings // of the network: [ spatial_graph: [...], model: [...], ... ]
    val seed
    val n_seeds

    output:
    tuple val(meta), path('model')    , emit: model, optional: true
    tuple val(meta), path('teach.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py safetensors scikit-learn scikit-misc scipy torch'), topic: versions

    script:
    def files = [slice: slices, spots: spots, features: features].collectMany { name, paths ->
        [paths].flatten().collect { path -> "--${name} ${path}" }
    }
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > members.json << 'END_OF_ROW'
    ${groovy.json.JsonOutput.toJson(members)}
    END_OF_ROW
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run teach.py \\
        --sample '${meta.id}' \\
        --members members.json \\
        ${files.join(' ')} \\
        --preset settings.yaml \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --device ${task.ext.device ?: 'auto'} \\
        --model model \\
        --record teach.json
    """

    stub:
    """
    mkdir model
    touch model/model.json model/model.safetensors
    echo '{}' > teach.json
    """
}

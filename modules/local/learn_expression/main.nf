include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// Learn from one set of references how expression follows from the image, for all targets that they serve.
process LEARN_EXPRESSION {
    tag "${meta.id}"
    label 'process_gpu'
    memory { memoryFor(task) { [slices: slices, features: features] } }
    time { timeFor(task) { [spots: spots, runs: options.n_seeds * hundredEpochs(settings)] } }

    input:
    tuple val(meta), val(members), path(slices, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*'), path(features, stageAs: 'features?/*') // [ id: 'group:a without b', code: '8f1c' ], [[ name: 'cortex_1', role: 'reference', patient: 'p1', group: 'a' ], ...], files in that order
    val settings // of the method: [ panel: [...], graph: [...], ... ]
    val options  // [ by: slice or patient, seed: first seed, n_seeds: runs to average, genes: list of names ]

    output:
    tuple val(meta), path('expression')           , emit: model, optional: true
    tuple val(meta), path('learn_expression.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py safetensors scikit-misc scipy torch torch-geometric'), topic: versions

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
    cat > genes.json << 'END_OF_GENES'
    ${groovy.json.JsonOutput.toJson(options.genes ?: [])}
    END_OF_GENES
    tissuegraph-run learn_expression.py \\
        --sample '${meta.id.tokenize(' ')[0]}' \\
        --members members.json \\
        ${files.join(' ')} \\
        --preset settings.yaml \\
        --by ${options.by} \\
        --seed ${options.seed} \\
        --n-seeds ${options.n_seeds} \\
        --genes genes.json \\
        --device ${task.ext.device ?: 'auto'} \\
        --model expression \\
        --record learn_expression.json
    """

    stub:
    """
    mkdir expression
    touch expression/model.json expression/model.safetensors
    echo '{}' > learn_expression.json
    """
}

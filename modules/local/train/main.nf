include { commandsOf    } from '../../../subworkflows/local/batches/main'
include { foldersOf     } from '../../../subworkflows/local/batches/main'
include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { largest       } from '../../../subworkflows/local/resources/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { placeOf       } from '../../../subworkflows/local/batches/main'
include { portions      } from '../../../subworkflows/local/batches/main'
include { tagOf         } from '../../../subworkflows/local/batches/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// Train one method on one slice, or on several small ones, once per seed; the last epoch counts and no label is read.
process TRAIN {
    tag "${tagOf(metas)} ${method}"
    label 'process_gpu'
    memory { memoryFor(task) { [arrays: largest(arrays), features: largest(features)] } }
    time { timeFor(task) { [arrays: arrays, runs: n_seeds * hundredEpochs(settings)] } }

    input:
    tuple val(metas), val(method), val(settings), path(arrays, stageAs: 'arrays?/*'), path(features, stageAs: 'features?/*'), val(n_features) // settings: what this step reads of the preset; n_features: 1 or 0 of each slice
    val seed
    val n_seeds

    output:
    tuple val(metas), val(method), path("slices/*/${method}.embedding.npz"), path("slices/*/${method}.train.json"), emit: embedding, optional: true
    tuple val(metas), path("slices/*/${method}.train.json")                                                       , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py torch scipy'), topic: versions

    script:
    def counts   = [arrays].flatten()
    def images   = portions(features, n_features)
    def commands = commandsOf(metas, metas.indices.collect { k -> [counts[k], 'settings.yaml'] + images[k] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--arrays', placeOf(counts[k])],
            images[k].collect { image -> ['--features', placeOf(image)] },
            ['--preset', 'in/settings.yaml'],
            ['--seed', seed],
            ['--n-seeds', n_seeds],
            ['--device', task.ext.device ?: 'auto'],
            ['--embedding', "${method}.embedding.npz"],
            ['--record', "${method}.train.json"],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py train.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/${method}.embedding.npz"
        echo '{}' > "\$slice/${method}.train.json"
    done
    """
}

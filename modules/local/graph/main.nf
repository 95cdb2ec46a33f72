include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// Select genes, make a method's input and build its graphs, of one slice or of several small ones; a slice that cannot be prepared has a record only.
process GRAPH {
    tag "${tagOf(metas)} ${method}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(slice), spots: largest(spots)] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(metas), val(method), val(settings), path(slice, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*') // settings: what this step reads of the preset; both files: of each slice

    output:
    tuple val(metas), val(method), path("slices/*/${method}.arrays.npz"), path("slices/*/${method}.graph.json"), emit: arrays, optional: true
    tuple val(metas), path("slices/*/${method}.graph.json")                                                    , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py numpy scikit-misc scipy'), topic: versions

    script:
    def slices   = [slice].flatten()
    def tables   = [spots].flatten()
    def commands = commandsOf(metas, metas.indices.collect { k -> [slices[k], tables[k], 'settings.yaml'] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--slice', placeOf(slices[k])],
            ['--spots', placeOf(tables[k])],
            ['--preset', 'in/settings.yaml'],
            ['--arrays', "${method}.arrays.npz"],
            ['--record', "${method}.graph.json"],
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
    tissuegraph-run several.py graph.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/${method}.arrays.npz"
        echo '{}' > "\$slice/${method}.graph.json"
    done
    """
}

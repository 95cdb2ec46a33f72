include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// Embeddings of all seeds to one set of domains with a confidence per spot, of one slice or several small ones.
process CLUSTER {
    tag "${tagOf(metas)} ${method}"
    label 'process_low'
    memory { memoryFor(task) { [arrays: largest(arrays)] } }
    time { timeFor(task) { [arrays: arrays] } }

    input:
    tuple val(metas), val(method), val(settings), val(n_domains), path(arrays, stageAs: 'arrays?/*'), path(embedding, stageAs: 'embedding?/*') // n_domains, and both files: of each slice
    val seed

    output:
    tuple val(metas), val(method), path("slices/*/${method}.domains.npz"), path("slices/*/${method}.cluster.json"), emit: domains, optional: true
    tuple val(metas), path("slices/*/${method}.cluster.json")                                                     , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py igraph scikit-learn scipy'), topic: versions

    script:
    def counts   = [arrays].flatten()
    def trained  = [embedding].flatten()
    def commands = commandsOf(metas, metas.indices.collect { k -> [counts[k], trained[k], 'settings.yaml'] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--arrays', placeOf(counts[k])],
            ['--embedding', placeOf(trained[k])],
            ['--n-domains', n_domains[k]],
            ['--preset', 'in/settings.yaml'],
            ['--seed', seed],
            ['--domains', "${method}.domains.npz"],
            ['--record', "${method}.cluster.json"],
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
    tissuegraph-run several.py cluster.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/${method}.domains.npz"
        echo '{}' > "\$slice/${method}.cluster.json"
    done
    """
}

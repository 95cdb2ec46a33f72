include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// How many domains one slice holds, or each of several small ones, asked over several seeds, for slices whose number nobody gave.
process ESTIMATE {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(slice), spots: largest(spots)] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(metas), path(slice, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*') // of each slice
    val seed

    output:
    tuple val(metas), path('slices/*/*.evidence.npz'), emit: evidence, optional: true
    tuple val(metas), path('slices/*/estimate.json') , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy'), topic: versions

    script:
    def slices   = [slice].flatten()
    def tables   = [spots].flatten()
    def commands = commandsOf(metas, [slices, tables].transpose()) { meta, k ->
        [
            ['--sample', meta.id],
            ['--slice', placeOf(slices[k])],
            ['--spots', placeOf(tables[k])],
            ['--seed', seed],
            ['--n-seeds', 5],
            ['--evidence', "${meta.id}.evidence.npz"],
            ['--record', 'estimate.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py estimate.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/\${slice##*/}.evidence.npz"
        echo '{"metrics": {"n_domains": 3}}' > "\$slice/estimate.json"
    done
    """
}

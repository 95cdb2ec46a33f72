include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// The control: spatially smoothed PCA with the vote of mixtures, and plain PCA with KMeans beside it, of one slice or several small ones.
process BASELINE {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(slice), spots: largest(spots)] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(metas), path(slice, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*'), val(n_domains) // of each slice
    val seed

    output:
    tuple val(metas), path('slices/*/baseline.npz'), path('slices/*/baseline.json'), emit: domains, optional: true
    tuple val(metas), path('slices/*/baseline.json')                               , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy'), topic: versions

    script:
    def slices   = [slice].flatten()
    def tables   = [spots].flatten()
    def commands = commandsOf(metas, [slices, tables].transpose()) { meta, k ->
        [
            ['--sample', meta.id],
            ['--slice', placeOf(slices[k])],
            ['--spots', placeOf(tables[k])],
            ['--n-domains', n_domains[k]],
            ['--seed', seed],
            ['--domains', 'baseline.npz'],
            ['--record', 'baseline.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py baseline.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/baseline.npz"
        echo '{}' > "\$slice/baseline.json"
    done
    """
}

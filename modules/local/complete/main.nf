include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { mostOfOne  } from '../../../subworkflows/local/batches/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { portions   } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// The final h5ad of one slice, or of several small ones, with what characterising its domains found.
process COMPLETE {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [found: mostOfOne(found, n_found)] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(metas), path(h5ad, stageAs: 'in/*'), path(found, stageAs: 'found?/*'), val(n_found) // found: cortex_1.markers.csv, trajectory.npz, ...; n_found: how many of each slice

    output:
    tuple val(metas), path('slices/*/*.h5ad')       , emit: h5ad, optional: true
    tuple val(metas), path('slices/*/complete.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata h5py'), topic: versions

    script:
    def slices   = [h5ad].flatten()
    def tables   = portions(found, n_found)
    def commands = commandsOf(metas, metas.indices.collect { k -> [slices[k]] + tables[k] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--h5ad', placeOf(slices[k])],
            ['--found', 'in'],
            ['--completed', "${meta.id}.h5ad"],
            ['--record', 'complete.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py complete.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/\${slice##*/}.h5ad"
        echo '{}' > "\$slice/complete.json"
    done
    """
}

include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// Marker genes of each domain of one slice, or of several small ones, and its mean counts for deconvolution.
process MARKERS {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(h5ad)] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(metas), path(h5ad) // slice.h5ad as ASSEMBLE writes it, of each slice
    val seed                     // 0
    val figures                  // 'png,svg' or 'png'

    output:
    tuple val(metas), path('slices/*/*.{csv,npz}', arity: '0..*'), path('slices/*/*.{png,svg}', arity: '0..*'), path('slices/*/markers.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib scikit-learn scipy'), topic: versions

    script:
    def slices   = [h5ad].flatten()
    def commands = commandsOf(metas, slices.collect { slice -> [slice] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--h5ad', placeOf(slices[k])],
            ['--seed', seed],
            ['--figures', figures],
            ['--outdir', '.'],
            ['--record', 'markers.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py markers.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        for table in markers.csv domain_means.csv marker_dots.png; do
            touch "\$slice/\${slice##*/}.\$table"
        done
        echo '{}' > "\$slice/markers.json"
    done
    """
}

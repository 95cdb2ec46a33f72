include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// Genes of one slice, or of several small ones, that vary over the tissue, and beyond its domains.
process SPATIAL_GENES {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(h5ad)] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(metas), path(h5ad) // slice.h5ad as ASSEMBLE writes it, of each slice
    val figures                  // 'png,svg' or 'png'

    output:
    tuple val(metas), path('slices/*/*.{csv,npz}', arity: '0..*'), path('slices/*/*.{png,svg}', arity: '0..*'), path('slices/*/spatial_genes.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib scipy'), topic: versions

    script:
    def slices   = [h5ad].flatten()
    def commands = commandsOf(metas, slices.collect { slice -> [slice] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--h5ad', placeOf(slices[k])],
            ['--figures', figures],
            ['--outdir', '.'],
            ['--record', 'spatial_genes.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py spatial_genes.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/\${slice##*/}.spatial_genes.csv" "\$slice/\${slice##*/}.spatial_genes.png"
        echo '{}' > "\$slice/spatial_genes.json"
    done
    """
}

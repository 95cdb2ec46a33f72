include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { largest    } from '../../../subworkflows/local/resources/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { placeOf    } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// The page to explore one slice in a browser, or that of each of several small ones: one HTML file that needs no network, made from the final h5ad alone.
process EXPLORE {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [slice: largest(h5ad)] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(metas), path(h5ad) // slice.h5ad as ASSEMBLE writes it, of each slice

    output:
    tuple val(metas), path('slices/*/*.html')      , emit: page, optional: true
    tuple val(metas), path('slices/*/explore.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py matplotlib pillow'), topic: versions

    script:
    def slices   = [h5ad].flatten()
    def commands = commandsOf(metas, slices.collect { slice -> [slice] }) { meta, k ->
        [
            ['--sample', meta.id],
            ['--h5ad', placeOf(slices[k])],
            ['--page', "${meta.id}.html"],
            ['--record', 'explore.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py explore.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        touch "\$slice/\${slice##*/}.html"
        echo '{}' > "\$slice/explore.json"
    done
    """
}

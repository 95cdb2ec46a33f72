include { commandsOf } from '../../../subworkflows/local/batches/main'
include { foldersOf  } from '../../../subworkflows/local/batches/main'
include { memoryFor  } from '../../../subworkflows/local/resources/main'
include { mostOfOne  } from '../../../subworkflows/local/batches/main'
include { portions   } from '../../../subworkflows/local/batches/main'
include { tagOf      } from '../../../subworkflows/local/batches/main'
include { timeFor    } from '../../../subworkflows/local/resources/main'

// Everything of one slice, or of several small ones: the final h5ad, its figures and the summary that the report reads.
process ASSEMBLE {
    tag "${tagOf(metas)}"
    label 'process_low'
    memory { memoryFor(task) { [parts: mostOfOne(parts, n_parts)] } }
    time { timeFor(task) { [parts: parts] } }

    input:
    tuple val(metas), path(parts, stageAs: 'parts?/*'), val(n_parts) // slice.h5ad, spots.csv.gz, baseline.npz, stmfg.domains.npz, qc.json, ...; n_parts: how many of each slice
    val methods                                                      // [ 'stmfg', 'multist' ]  the first one that answered gives the final domains
    val figures                                                      // 'png,svg' or 'png'

    output:
    tuple val(metas), path('slices/*/*.h5ad')       , emit: h5ad, optional: true
    tuple val(metas), path('slices/*/*.{png,svg}')  , emit: figures, optional: true
    tuple val(metas), path('slices/*/assemble.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata matplotlib scikit-learn'), topic: versions

    script:
    def commands = commandsOf(metas, portions(parts, n_parts)) { meta, _k ->
        [
            ['--sample', meta.id],
            ['--parts', 'in'],
            ['--methods', methods.join(',')],
            ['--figures', figures],
            ['--outdir', '.'],
            ['--record', 'assemble.json'],
        ]
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > commands.json << 'END_OF_COMMANDS'
    ${commands}
    END_OF_COMMANDS
    tissuegraph-run several.py assemble.py commands.json
    """

    stub:
    """
    for slice in ${foldersOf(metas)}; do
        mkdir -p "\$slice"
        for file in h5ad domains.png domains.svg; do
            touch "\$slice/\${slice##*/}.\$file"
        done
        echo '{}' > "\$slice/assemble.json"
    done
    """
}

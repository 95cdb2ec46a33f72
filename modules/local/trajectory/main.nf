include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// How the domains of one slice follow each other: PAGA over them, and a diffusion pseudotime of its spots.
process TRAJECTORY {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: h5ad] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad) // as ASSEMBLE writes it
    val root                    // a domain, a region, 'gene:NAME'; empty: a rule chooses an end
    val seed
    val n_seeds                 // repeats on a part of the spots
    val figures                 // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('trajectory.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py scanpy scipy matplotlib'), topic: versions

    script:
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    export NUMBA_CACHE_DIR="\$PWD"
    cat > root.json << 'END_OF_ROOT'
    ${groovy.json.JsonOutput.toJson(root ?: null)}
    END_OF_ROOT
    tissuegraph-run trajectory.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --root-file root.json \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --figures ${figures} \\
        --outdir . \\
        --record trajectory.json
    """

    stub:
    """
    touch '${meta.id}.trajectory.csv' '${meta.id}.paga_edges.csv' trajectory.npz '${meta.id}.trajectory.png' '${meta.id}.trajectory.svg'
    echo '{}' > trajectory.json
    """
}

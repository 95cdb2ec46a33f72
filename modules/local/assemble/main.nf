include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Everything of one slice: the final h5ad, its figures and the summary that the report reads.
process ASSEMBLE {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [parts: parts] } }
    time { timeFor(task) { [parts: parts] } }

    input:
    tuple val(meta), path(parts, stageAs: 'parts/*') // slice.h5ad, spots.csv.gz, baseline.npz, stmfg.domains.npz, qc.json, ...
    val methods                                      // [ 'stmfg', 'multist' ]  the first one that answered gives the final domains
    val figures                                      // 'png,svg' or 'png'

    output:
    tuple val(meta), path("${meta.id}.h5ad")       , emit: h5ad, optional: true
    tuple val(meta), path("${meta.id}.*.{png,svg}"), emit: figures, optional: true
    tuple val(meta), path('assemble.json')         , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata matplotlib scikit-learn'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run assemble.py \\
        --sample '${meta.id}' \\
        --parts parts \\
        --methods ${methods.join(',')} \\
        --figures ${figures} \\
        --outdir . \\
        --record assemble.json
    """

    stub:
    """
    touch '${meta.id}.h5ad' '${meta.id}.domains.png' '${meta.id}.domains.svg'
    echo '{}' > assemble.json
    """
}

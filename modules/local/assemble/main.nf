// Everything of one slice: the final h5ad, its figures and the summary that the report reads.
process ASSEMBLE {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(slice), path(spots), path(features), path(baseline), val(methods), path(arrays), path(embeddings, stageAs: 'embedding*.npz'), path(domains, stageAs: 'domains*.npz'), path(records, stageAs: 'record*.json')

    output:
    tuple val(meta), path("${meta.id}.h5ad")           , emit: h5ad
    tuple val(meta), path("${meta.id}.*.{png,svg}")    , emit: figures
    tuple val(meta), path('slice.json')                , emit: summary
    tuple val(task.process), eval('versions.py anndata matplotlib scikit-learn'), topic: versions

    script:
    // one --method, --embedding and --domains each, in the same order
    def answers = [methods, [embeddings].flatten(), [domains].flatten()].transpose().collect { method, embedding, labels ->
        "--method ${method} --embedding ${embedding} --domains ${labels}"
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    assemble.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        --arrays ${arrays} \\
        ${features ? "--features ${features}" : ''} \\
        --baseline ${baseline} \\
        ${answers.join(' ')} \\
        ${records.collect { record -> "--record ${record}" }.join(' ')} \\
        --outdir .
    """

    stub:
    """
    touch '${meta.id}.h5ad' '${meta.id}.domains.png' '${meta.id}.domains.svg'
    echo '{}' > slice.json
    """
}

include { largest   } from '../../../subworkflows/local/resources/main'
include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// All sections of one group in one h5ad, and side by side in one figure.
process ASSEMBLE_COHORT {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [section: largest(sections), sections: sections] } }
    time { timeFor(task) { [section: largest(sections), sections: sections] } }

    input:
    tuple val(meta), path(sections, stageAs: 'sections/*'), path(parts, stageAs: 'parts/*'), path(records, stageAs: 'records/?/*') // cortex_1.h5ad, ...; cortex_1.components.npz, ...; assemble.json, teach.json, ...
    val figures // 'png,svg' or 'png'

    output:
    tuple val(meta), path("${meta.group_id}.h5ad")       , emit: h5ad, optional: true
    tuple val(meta), path("${meta.group_id}.*.{png,svg}"), emit: figures, optional: true
    tuple val(meta), path('assemble_cohort.json')        , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata matplotlib'), topic: versions

    script:
    """
    mkdir -p parts
    tissuegraph-run assemble_cohort.py \\
        --sample '${meta.id}' \\
        --sections sections \\
        --parts parts \\
        --records records \\
        --figures ${figures} \\
        --outdir . \\
        --record assemble_cohort.json
    """

    stub:
    """
    touch '${meta.group_id}.h5ad' '${meta.group_id}.domains.png' '${meta.group_id}.domains.svg'
    echo '{}' > assemble_cohort.json
    """
}

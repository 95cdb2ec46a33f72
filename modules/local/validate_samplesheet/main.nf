include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Check the samplesheet and the parameters; findings are results, so the task itself succeeds.
process VALIDATE_SAMPLESHEET {
    label 'process_single'
    memory { memoryFor(task) { [:] } }
    time { timeFor(task) { [:] } }

    input:
    path sheet, stageAs: 'sheet/*'
    tuple val(methods), path(presets, stageAs: 'presets?/*')
    path genes, stageAs: 'genes.txt' // the file that --genes names, or []
    path gene_sets, stageAs: 'sets/*' // likewise of --gene_sets
    path pairs, stageAs: 'pairs/*' // likewise of --interaction_pairs
    tuple path(sheet_schema), path(params_schema), path(known_presets)
    val _code // digest of the package: part of the task's hash
    stdin     // parameters as JSON: never part of a shell command

    output:
    tuple path('rows.json'), path('problems.json'), path('run.json'), emit: checked
    tuple val(task.process), eval('tissuegraph-run versions.py jsonschema pyyaml'), topic: versions

    script:
    def own = [methods, [presets].flatten()].transpose().collect { method, preset -> "--preset ${method}=${preset}" }
    """
    cat > params.json
    tissuegraph-run validate_samplesheet.py \\
        --input ${sheet} \\
        --schema ${sheet_schema} \\
        --params params.json \\
        --params-schema ${params_schema} \\
        ${own.join(' ')} \\
        ${genes ? '--genes genes.txt' : ''} \\
        ${gene_sets ? "--gene-sets ${gene_sets}" : ''} \\
        ${pairs ? "--interaction-pairs ${pairs}" : ''} \\
        --presets ${known_presets} \\
        --rows rows.json \\
        --problems problems.json \\
        --run run.json
    """
}

// Check the samplesheet and the parameters; findings are results, so the task itself succeeds.
process VALIDATE_SAMPLESHEET {
    label 'process_single'

    input:
    path sheet
    path preset, stageAs: 'given/*'
    tuple path(sheet_schema), path(params_schema), path(presets)
    val _code // digest of the package: part of the task's hash
    stdin     // parameters as JSON: never part of a shell command

    output:
    path 'rows.json'    , emit: rows
    path 'problems.json', emit: problems
    path 'preset.yaml'  , emit: preset, optional: true
    tuple val(task.process), eval('versions.py jsonschema pyyaml'), topic: versions

    script:
    """
    cat > params.json
    validate_samplesheet.py \\
        --input ${sheet} \\
        --schema ${sheet_schema} \\
        --params params.json \\
        --params-schema ${params_schema} \\
        --preset ${preset} \\
        --presets ${presets} \\
        --resolved-preset preset.yaml \\
        --rows rows.json \\
        --problems problems.json
    """
}

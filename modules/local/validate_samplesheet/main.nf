// Check the samplesheet and the parameters; findings are results, so the task itself succeeds.
process VALIDATE_SAMPLESHEET {
    label 'process_single'

    input:
    path sheet
    tuple val(methods), path(presets, stageAs: 'given?/*')
    tuple path(sheet_schema), path(params_schema), path(known_presets)
    val _code // digest of the package: part of the task's hash
    stdin     // parameters as JSON: never part of a shell command

    output:
    path 'rows.json'      , emit: rows
    path 'problems.json'  , emit: problems
    path 'resolved/*.yaml', emit: presets, optional: true
    tuple val(task.process), eval('versions.py jsonschema pyyaml'), topic: versions

    script:
    def options = [methods, [presets].flatten()].transpose().collect { method, preset -> "--preset ${method}=${preset}" }
    """
    cat > params.json
    validate_samplesheet.py \\
        --input ${sheet} \\
        --schema ${sheet_schema} \\
        --params params.json \\
        --params-schema ${params_schema} \\
        ${options.join(' ')} \\
        --presets ${known_presets} \\
        --resolved resolved \\
        --rows rows.json \\
        --problems problems.json
    """
}

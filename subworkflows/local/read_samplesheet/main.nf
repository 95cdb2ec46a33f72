include { VALIDATE_SAMPLESHEET } from '../../../modules/local/validate_samplesheet/main'

// Samplesheet and parameters, checked as a whole before any slice is touched.
workflow READ_SAMPLESHEET {
    take:
    sheet       // path(samplesheet)
    presets     // [ stmfg: path(preset.yaml), ... ]
    schemas     // [ path(schema_input.json), path(nextflow_schema.json), path(assets/presets) ]
    code        // digest of the package
    params_json // parameters as JSON

    main:
    VALIDATE_SAMPLESHEET(sheet, [presets.keySet().toList(), presets.values().toList()], schemas, code, params_json)

    // A task sees only what is staged for it, so whether a file is there is asked here, local or s3.
    ch_rows = VALIDATE_SAMPLESHEET.out.rows
        .combine(VALIDATE_SAMPLESHEET.out.problems)
        .flatMap { rows_json, problems_json ->
            def rows = readJson(rows_json).collect { row -> withFiles(row, sheet) }
            def problems = readJson(problems_json) + rows.collectMany { row -> missingFiles(row) }
            if (problems) {
                error((["${problems.size()} problem(s), nothing was run:"] + problems).join('\n  '))
            }
            rows.collect { row -> row + [meta: [id: row.sample, code: code]] }
        }

    emit:
    rows    = ch_rows                          // [ row ]  typed values, files as paths
    json    = VALIDATE_SAMPLESHEET.out.rows    // path(rows.json)
    presets = VALIDATE_SAMPLESHEET.out.presets // [ method, path(preset.yaml) ]  complete, checked
        .flatten()
        .map { preset -> [preset.baseName, preset] }
}

def withFiles(Map row, sheet) {
    def is_file = row.annotation ==~ /(?i).+\.(csv|tsv|txt)/
    return row + [
        path             : locate(row.path, sheet),
        image            : locate(row.image, sheet),
        image_matrix     : locate(row.image_matrix, sheet),
        annotation_file  : is_file ? locate(row.annotation, sheet) : null,
        annotation_column: is_file ? null : row.annotation,
    ]
}

// Relative paths are relative to where the run was launched, or else to the samplesheet.
def locate(String name, sheet) {
    if (!name) {
        return null
    }
    def launched = file(name)
    def beside   = sheet.parent.resolve(name)
    return !launched.exists() && beside.exists() ? beside : launched
}

def missingFiles(Map row) {
    return [path: row.path, image: row.image, image_matrix: row.image_matrix, annotation: row.annotation_file]
        .findAll { _column, value -> value && !value.exists() }
        .collect { column, value -> "samplesheet row ${row.row}, column ${column}: '${value}' - expected an existing file or directory" }
}

def readJson(json) {
    return new groovy.json.JsonSlurperClassic().parseText(json.text)
}

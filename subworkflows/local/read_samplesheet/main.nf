include { VALIDATE_SAMPLESHEET } from '../../../modules/local/validate_samplesheet/main'
include { readJson             } from '../read_json/main'
include { fileOrNone           } from '../parameters/main'
include { asText               } from '../parameters/main'
include { isPattern            } from '../parameters/main'
include { roomProblems         } from '../room/main'
include { withoutPattern       } from '../parameters/main'

// Samplesheet and parameters, checked as a whole before any slice is touched.
workflow READ_SAMPLESHEET {
    take:
    given // [ input: 'samplesheet.csv', stmfg_preset: 'default', ... ]  parameters as the engine has them

    main:
    def sheet   = sheetFile(given.input)
    def presets = ownPresets(given)
    presets.findAll { _method, preset -> isPattern(preset) }.each { method, preset -> error("--${method}_preset: '${preset.toUriString()}' - ${withoutPattern()}") }
    def genes   = genesFile(given.genes)
    def code    = codeDigest(projectDir)
    VALIDATE_SAMPLESHEET(
        sheet,
        [presets.keySet().toList(), presets.values().toList()],
        genes,
        fileOrNone('gene_sets', given.gene_sets),
        fileOrNone('interaction_pairs', given.interaction_pairs),
        [file("${projectDir}/assets/schema_input.json"), file("${projectDir}/nextflow_schema.json"), file("${projectDir}/assets/presets")],
        code,
        groovy.json.JsonOutput.toJson(asText(given)),
    )

    // A task sees only what is staged for it, so whether a file is there is asked here, local or s3.
    // All that follows hangs on this channel, so that nothing runs beside an error.
    ch_checked = VALIDATE_SAMPLESHEET.out.checked
        .map { rows_json, problems_json, run_json ->
            def rows = readJson(rows_json).collect { row -> withFiles(row, sheet) }
            refuse(readJson(problems_json) + rows.collectMany { row -> missingFiles(row) + publishedHere(row, given.outdir) })
            def run = readJson(run_json)
            refuse(modelProblems('region_model', run.region_model, 'GROUP') + modelProblems('reference_model', run.reference_model, 'GROUP/expression') + otherImages(run) + roomProblems(rows, given))
            run.notices.each { notice -> log.warn(notice) }
            [rows.collect { row -> withDefaults(row, run) }, run + [places: placesOf(rows)], rows_json]
        }

    emit:
    rows = ch_checked                                               // [ row ]  typed values, defaults filled in, files as paths
        .flatMap { rows, _run, _json -> rows }
        .map { row -> row + [meta: [id: row.sample, code: code]] }
    run  = ch_checked.map { _rows, run, _json -> run }              // [ seed: 0, methods: [[ name: 'stmfg', ... ]], params: [ seed: 0, methods: 'stmfg', ... ], places: [ cortex_1: 0, ... ], ... ]  typed
    json = ch_checked.map { _rows, _run, json -> json }             // path(rows.json)
}

def sheetFile(input) {
    if (!input) {
        error("--input: no samplesheet given - expected a CSV, TSV, YAML or JSON file, e.g. --input samplesheet.csv")
    }
    def sheet = file(input.toString(), glob: false)
    if (!sheet.exists()) {
        error("--input: '${input}' - expected an existing samplesheet; relative paths start where the run is launched")
    }
    if (isPattern(sheet)) {
        error("--input: '${sheet.toUriString()}' - ${withoutPattern()}")
    }
    if (sheet.isDirectory()) {
        error("--input: '${input}' is a directory - expected a samplesheet: CSV, TSV, YAML or JSON")
    }
    return sheet
}

// The user's own preset files by method: [ stmfg: path(mine.yaml) ]. Presets of the pipeline go by their name.
def ownPresets(Map given) {
    return given
        .findAll { name, value -> name ==~ /[a-z0-9]+_preset/ && value instanceof CharSequence && value.contains('.') }
        .collectEntries { name, value -> [name - '_preset', file(value, glob: false)] }
        .findAll { _method, preset -> preset.exists() }
}

// The file of genes that --genes names, or [] where it is a list or the file is not there, which the task says.
def genesFile(genes) {
    def found = genes.toString() ==~ /(?i).+\.(txt|csv|tsv)\s*/ ? file(genes.toString().trim(), glob: false) : null
    if (!found?.exists()) {
        return []
    }
    if (isPattern(found)) {
        error("--genes: '${found.toUriString()}' - ${withoutPattern()}")
    }
    return found
}

// At most 20 lines: ten thousand bad rows have one cause.
def refuse(List problems) {
    if (!problems) {
        return
    }
    def shown = problems.take(20) + (problems.size() > 20 ? ["... and ${problems.size() - 20} more"] : [])
    error((["${problems.size()} problem(s), nothing was run:"] + shown).join('\n  '))
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

// [ cortex_1: 0, cortex_2: 1, ... ]
def placesOf(List rows) {
    return rows.withIndex().collectEntries { row, place -> [row.sample, place] }
}

// A row with the run's parameter of the same name where it leaves a column empty.
def withDefaults(Map row, Map run) {
    return row.collectEntries { column, value -> [column, value == null ? run[column] : value] }
}

// Relative paths are relative to where the run was launched, or else to the samplesheet, which may lie in a bucket.
def locate(String name, sheet) {
    if (!name) {
        return null
    }
    def launched = file(name, glob: false)
    if (name.startsWith('/') || name.contains('://')) {
        return launched
    }
    def beside = sheet.parent.resolve(name)
    return !launched.exists() && beside.exists() ? beside : launched
}

def missingFiles(Map row) {
    return [path: row.path, image: row.image, image_matrix: row.image_matrix, annotation: row.annotation_file]
        .findAll { _column, value -> value && (!value.exists() || isPattern(value)) }
        .collect { column, value -> "samplesheet row ${row.row}, column ${column}: '${value.toUriString()}' - ${value.exists() ? withoutPattern() : 'expected an existing file or directory'}" }
}

// A model is a directory of two files; what is in them is the concern of the tasks that read them.
def modelProblems(String parameter, String name, String place) {
    if (!name) {
        return []
    }
    def model = file(name, glob: false)
    if (isPattern(model)) {
        return ["parameter --${parameter}: '${name}' - ${withoutPattern()}"]
    }
    // (over http there are files, but no directory that could be staged)
    def absent = ['model.json', 'model.safetensors'].findAll { part -> !model.isDirectory() || !model.resolve(part).exists() }
    return absent
        ? ["parameter --${parameter}: '${name}' - expected a directory with model.json and model.safetensors, as in OUTDIR/models/${place}; ${model.isDirectory() ? "it has no ${absent.join(' and no ')}" : 'there is no such directory'}"]
        : []
}

// A reference model whose references were encoded in another way than this run encodes serves none of its slices.
def otherImages(Map run) {
    def table = run.reference_model ? file(run.reference_model, glob: false).resolve('model.json') : null
    if (!table?.exists()) {
        return []
    }
    def told = null
    try {
        told = readJson(table)
    }
    catch (groovy.json.JsonException _problem) {
        return ["parameter --reference_model: '${run.reference_model}' - expected a model that is whole; its model.json cannot be read, copy it again"]
    }
    if (!(told instanceof Map) || told.kind != 'expression') {
        return ["parameter --reference_model: '${run.reference_model}' - expected a model of expression, as in OUTDIR/models/GROUP/expression; a model of regions goes to --region_model"]
    }
    def images = told.images ?: [:]
    return ['encoder', 'tile_um', 'stain_method']
        .findAll { name -> images[name] != null && !isAlike(images[name], run[name]) }
        .collect { name -> "parameter --${name}: '${run[name]}' - expected '${images[name]}', as the references of --reference_model were encoded with it" }
}

def isAlike(one, other) {
    return one instanceof Number ? one as double == other as double : one == other
}

// A result that this run would replace by its own is no input: reading and publishing would meet.
def publishedHere(Map row, outdir) {
    def slices = file(outdir.toString(), glob: false).resolve('slices')
    return row.path && row.path.fileSystem == slices.fileSystem && row.path.startsWith(slices)
        ? ["samplesheet row ${row.row}, column path: '${row.path.toUriString()}' lies in --outdir, where this run publishes - expected another --outdir"]
        : []
}

// A task's hash covers the script that it names, not the package beside it. The digest of the package travels in
// every `meta`, so that -resume never takes a result of older code for a new one.
def codeDigest(root) {
    return files("${root}/bin/tissuegraph/**.{py,html,css,js,json}").sort().collect { source -> "${root.relativize(source)} ${source.getText('UTF-8')}" }.join(' ').md5()
}

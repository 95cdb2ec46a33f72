#!/usr/bin/env nextflow

include { ASSEMBLE         } from './modules/local/assemble/main'
include { DOMAINS          } from './subworkflows/local/domains/main'
include { EXPRESSION       } from './subworkflows/local/expression/main'
include { HISTOLOGY        } from './subworkflows/local/histology/main'
include { PREPARE          } from './subworkflows/local/prepare/main'
include { READ_SAMPLESHEET } from './subworkflows/local/read_samplesheet/main'
include { REPORT           } from './subworkflows/local/report/main'

workflow {
    main:
    if (!params.input) {
        error("--input: no samplesheet given - expected a CSV, TSV, YAML or JSON file, e.g. --input samplesheet.csv")
    }
    def methods  = params.methods.toString().tokenize(',')*.trim()
    def infer    = isOn(params.infer_expression)
    def presets  = presetFiles(params, infer ? methods + 'spahgc' : methods)
    def settings = groovy.json.JsonOutput.toJson(params + [outdir: file(params.outdir).toUriString()])

    // Read: parameters, preset and every row are checked before any slice is touched
    READ_SAMPLESHEET(
        file(params.input, checkIfExists: true),
        presets,
        [file("${projectDir}/assets/schema_input.json"), file("${projectDir}/nextflow_schema.json"), file("${projectDir}/assets/presets")],
        codeDigest(projectDir),
        settings,
    )
    // [meta: [id: 'cortex_1', code: '8f1c'], path: outs/, platform: 'visium', n_domains: 7, annotation_file: layers.csv, ...]
    ch_rows = READ_SAMPLESHEET.out.rows.map { row -> withDefaults(row, params) }

    // Prepare: one canonical slice each, with the spots that pass quality control
    PREPARE(ch_rows)
    ch_slices = PREPARE.out.slices // [ meta, slice.h5ad, spots.csv.gz ]

    // Histology: what the image shows around every spot, where something reads it
    def image_readers = methods.findAll { method -> method != 'stmfg' || isOn(params.image_view) }
    HISTOLOGY(
        ch_slices,
        ch_rows.map { row -> [row.meta, row.image ?: [], row.image_matrix ?: []] },
        PREPARE.out.facts.map { meta, facts -> [meta, facts.has_image && (image_readers || infer)] },
        params.subMap('encoder', 'tile_um', 'context_rings', 'stain_method'),
        [weights: fileOrNone(params.encoder_weights), reference: fileOrNone(params.stain_reference)],
    )
    ch_features = HISTOLOGY.out.features // [ meta, features.npz or [] ]

    // Expression: inferred for slices without counts, which then go on like the others
    EXPRESSION(
        ch_slices,
        ch_features,
        infer ? ch_rows : channel.empty(),
        READ_SAMPLESHEET.out.presets.filter { method, _preset -> method == 'spahgc' }.map { _method, preset -> preset }.first(),
        params.subMap('evaluate', 'seed', 'n_seeds', 'marker_genes'),
    )
    ch_expressed = ch_slices
        .join(PREPARE.out.facts)
        .filter { _meta, _slice, _spots, facts -> facts.has_counts }
        .map { meta, slice, spots, _facts -> [meta, slice, spots] }
        .mix(EXPRESSION.out.slices) // [ meta, slice.h5ad, spots.csv.gz ]

    // Domains: those of each method, and the baseline they are measured against
    DOMAINS(
        ch_expressed.join(ch_rows.map { row -> [row.meta, row.n_domains] }),
        ch_features,
        READ_SAMPLESHEET.out.presets.filter { method, _preset -> method in methods },
        [all: methods, image: image_readers],
        [first: params.seed, n: params.n_seeds],
    )

    // A slice that cannot be used leaves the run, the others go on
    ch_history = PREPARE.out.records
        .mix(HISTOLOGY.out.records)
        .transpose()
        .mix(DOMAINS.out.graphs) // [ meta, ingest.json or qc.json or ... ]
    ch_history.subscribe { meta, record -> failures(record).each { reason -> log.warn("${meta.id} leaves the run: ${reason}") } }
    EXPRESSION.out.records.subscribe { meta, record -> failures(record).each { reason -> log.warn("${meta.id}, no expression inferred: ${reason}") } }

    // Assemble: what the user takes home, one directory per slice
    ch_records = PREPARE.out.records
        .join(DOMAINS.out.records)
        .join(HISTOLOGY.out.records)
        .map { meta, before, after, image -> [meta, before + after + [image].flatten()] } // [ meta, [ingest.json, qc.json, ...] ]
    ASSEMBLE(ch_expressed.join(ch_features).join(DOMAINS.out.domains).join(ch_records))

    ch_rows.count().combine(ASSEMBLE.out.h5ad.count()).subscribe { n_rows, n_done ->
        if (n_rows && !n_done) {
            error("No slice is left: each one failed for the reason given above")
        }
    }

    // Report: the cohort table and one page that shows it all, failed slices first
    REPORT(
        ASSEMBLE.out.summary,
        ch_history.mix(EXPRESSION.out.records),
        READ_SAMPLESHEET.out.json,
        settings,
        [config: file(params.multiqc_config ?: "${projectDir}/assets/multiqc_config.yml", checkIfExists: true), title: params.multiqc_title],
    )

    publish:
    // (mix: 25.04 cannot publish a value channel that stays empty, and would hide why a run stopped)
    slices     = ASSEMBLE.out.h5ad.join(ASSEMBLE.out.figures)
    inferred   = EXPRESSION.out.h5ad.join(EXPRESSION.out.figures)
    table      = REPORT.out.table.mix(channel.empty())
    report     = REPORT.out.report.mix(channel.empty())
    provenance = REPORT.out.provenance
}

output {
    // slices/cortex_1/cortex_1.h5ad, slices/cortex_1/cortex_1.domains.png, ...
    slices {
        path { meta, _h5ad, _figures -> "slices/${meta.id}" }
    }
    // slices/cortex_1/cortex_1.inferred.h5ad, slices/cortex_1/cortex_1.inferred.png, ...
    inferred {
        path { meta, _h5ad, _figures -> "slices/${meta.id}" }
    }
    // slices.csv: one row per slice, usable as the samplesheet of a next run
    table {
        path '.'
    }
    report {
        path 'multiqc'
    }
    // parameters and software versions, beside the engine's own trace, timeline, report and graph
    provenance {
        path 'pipeline_info'
    }
}

// A row with the run's settings where it has none of its own.
def withDefaults(Map row, Map settings) {
    def defaults = settings.subMap('n_domains', 'min_counts', 'min_genes', 'max_mito', 'n_mads')
    return row + defaults.collectEntries { name, value -> [name, row[name] == null ? value : row[name]] }
}

// A switch: the command line gives text, and the text 'false' is true.
def isOn(value) {
    return value.toString() == 'true'
}

def fileOrNone(name) {
    return name ? file(name, checkIfExists: true) : []
}

// Why a slice failed, as a step's record tells; nothing where it did not.
def failures(json) {
    def record = new groovy.json.JsonSlurperClassic().parseText(json.text)
    return record.status == 'failed' ? record.reasons : []
}

// The preset of every method that runs: one of the pipeline's by its name, or the user's own file.
def presetFiles(Map settings, List methods) {
    def names = [stmfg: settings.preset, multist: settings.multist_preset, spahgc: settings.spahgc_preset].subMap(methods)
    return names.collectEntries { method, name ->
        def own = file("${projectDir}/assets/presets/${method}/${name}.yaml")
        [method, own.exists() ? own : file(name, checkIfExists: true)]
    }
}

// A task's hash covers the script that it names, not the package beside it. The digest of the package travels in
// every `meta`, so that -resume never takes a result of older code for a new one.
def codeDigest(root) {
    return files("${root}/bin/tissuegraph/**.py").sort().collect { source -> "${root.relativize(source)} ${source.text}" }.join(' ').md5()
}

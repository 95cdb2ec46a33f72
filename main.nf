#!/usr/bin/env nextflow

include { ASSEMBLE         } from './modules/local/assemble/main'
include { ASSEMBLE_COHORT  } from './modules/local/assemble_cohort/main'
include { claimOutdir      } from './subworkflows/local/outdir/main'
include { COHORTS          } from './subworkflows/local/cohorts/main'
include { DOMAINS          } from './subworkflows/local/domains/main'
include { EXPRESSION       } from './subworkflows/local/expression/main'
include { answerQuestions  } from './subworkflows/local/help/main'
include { HISTOLOGY        } from './subworkflows/local/histology/main'
include { NUMBERS          } from './subworkflows/local/numbers/main'
include { PREPARE          } from './subworkflows/local/prepare/main'
include { READ_SAMPLESHEET } from './subworkflows/local/read_samplesheet/main'
include { REPORT           } from './subworkflows/local/report/main'

workflow {
    main:
    answerQuestions(params)
    claimOutdir(params)

    // Read: parameters, presets and every row are checked before any slice is touched
    READ_SAMPLESHEET(params)
    ch_rows = READ_SAMPLESHEET.out.rows // [ meta: [ id: 'cortex_1', code: '8f1c' ], path: outs/, platform: 'visium', n_domains: 7, ... ]
    ch_run  = READ_SAMPLESHEET.out.run  // [ seed: 0, n_seeds: 3, methods: [[ name: 'stmfg', settings: [...] ]], ... ]

    // Prepare: one canonical slice each, with the spots that pass quality control
    PREPARE(ch_rows)

    // Histology: what the image shows around every spot, where something reads it
    HISTOLOGY(
        PREPARE.out.slices,
        ch_rows.map { row -> [row.meta, row.image ?: [], row.image_matrix ?: []] },
        PREPARE.out.facts,
        ch_run,
        params.subMap('encoder_weights', 'stain_reference'),
    )

    // Expression: inferred for slices without counts, which then go on like the others
    EXPRESSION(PREPARE.out.slices.join(PREPARE.out.facts), HISTOLOGY.out.features, ch_rows, ch_run)

    // Numbers: how many domains each slice is divided into, the same for all sections of a group
    NUMBERS(EXPRESSION.out.slices, ch_rows, ch_run)

    // Domains: those of each method, and the baseline they are measured against
    DOMAINS(
        EXPRESSION.out.slices,
        NUMBERS.out.numbers,
        HISTOLOGY.out.features,
        ch_run,
        params.methods.toString().tokenize(',')*.trim(),
    )

    // Cohorts: the same number for the same tissue in all sections of a group
    COHORTS(EXPRESSION.out.slices, NUMBERS.out.numbers, DOMAINS.out.files, ch_rows, ch_run)

    // Assemble: what the user takes home, one directory per slice
    ch_parts = EXPRESSION.out.slices
        .join(PREPARE.out.records)
        .join(HISTOLOGY.out.files)
        .join(NUMBERS.out.files)
        .join(DOMAINS.out.files)
        .join(COHORTS.out.files)
        .map { meta, slice, spots, prepared, seen, numbers, found, shared -> [meta, [slice, spots, prepared, seen, numbers, found, shared].flatten()] }
    ASSEMBLE(ch_parts, ch_run.map { run -> run.methods*.name }) // [ meta, [ slice.h5ad, stmfg.domains.npz, ... ] ]

    // Assemble the cohort: the sections of each group in one object, whatever became of its other ones
    ch_sections = ASSEMBLE.out.h5ad
        .join(ASSEMBLE.out.record)
        .join(COHORTS.out.files)
        .join(NUMBERS.out.files)
        .join(COHORTS.out.places)
        .filter { _meta, _h5ad, _record, _shared, _numbers, place -> place.group }
        .map { meta, h5ad, record, shared, numbers, place -> [groupKey(place.group, place.size), [meta: meta, h5ad: h5ad, record: record, shared: shared + numbers]] }
        .groupTuple(remainder: true)
        .map { group, sections -> [group.toString(), sections.sort { section -> section.meta.id }] }
        .filter { _group, sections -> sections.size() > 1 }
    ASSEMBLE_COHORT(
        ch_sections.map { group, sections ->
            def shared = sections.collectMany { section -> section.shared }
            def told   = shared.findAll { path -> path.name in ['cohort.json', 'match.json', 'pool_numbers.json'] }.unique()
            [[id: group, group_id: group - 'group:', code: sections[0].meta.code], sections*.h5ad, shared.findAll { path -> path.name.endsWith('.components.npz') }, told + sections*.record]
        }
    )

    // Report: the cohort table and one page that shows it all, failed slices first
    REPORT(
        PREPARE.out.records.transpose().mix(HISTOLOGY.out.records, EXPRESSION.out.records, NUMBERS.out.records, DOMAINS.out.records, COHORTS.out.records, ASSEMBLE.out.record, ASSEMBLE_COHORT.out.record),
        ch_run,
        READ_SAMPLESHEET.out.json,
        params,
        ASSEMBLE.out.h5ad.join(ASSEMBLE.out.figures).mix(EXPRESSION.out.h5ad.join(EXPRESSION.out.figures)),
    )

    publish:
    // (mix: 25.04 cannot publish a value channel that stays empty, and would hide why a run stopped)
    slices     = ASSEMBLE.out.h5ad.join(ASSEMBLE.out.figures)
    inferred   = EXPRESSION.out.h5ad.join(EXPRESSION.out.figures)
    cohorts    = ASSEMBLE_COHORT.out.h5ad.join(ASSEMBLE_COHORT.out.figures)
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
    // cohort/cortex/cortex.h5ad, cohort/cortex/cortex.domains.png, ...
    cohorts {
        path { meta, _h5ad, _figures -> "cohort/${meta.group_id}" }
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

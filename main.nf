#!/usr/bin/env nextflow

include { claimOutdir      } from './subworkflows/local/outdir/main'
include { COHORTS          } from './subworkflows/local/cohorts/main'
include { DOMAINS          } from './subworkflows/local/domains/main'
include { EXPRESSION       } from './subworkflows/local/expression/main'
include { answerQuestions  } from './subworkflows/local/help/main'
include { HISTOLOGY        } from './subworkflows/local/histology/main'
include { NUMBERS          } from './subworkflows/local/numbers/main'
include { PREPARE          } from './subworkflows/local/prepare/main'
include { READ_SAMPLESHEET } from './subworkflows/local/read_samplesheet/main'
include { REGIONS          } from './subworkflows/local/regions/main'
include { requireImages    } from './subworkflows/local/images/main'
include { requireValues    } from './subworkflows/local/parameters/main'
include { REPORT           } from './subworkflows/local/report/main'
include { RESULTS          } from './subworkflows/local/results/main'
include { sayFarewell      } from './subworkflows/local/farewell/main'

workflow {
    main:
    answerQuestions(params)
    requireValues(params)
    requireImages()
    claimOutdir(params)
    sayFarewell(params)

    // Read: parameters, presets and every row are checked before any slice is touched
    READ_SAMPLESHEET(params)
    ch_rows = READ_SAMPLESHEET.out.rows // [ meta: [ id: 'cortex_1', code: '8f1c' ], path: outs/, platform: 'visium', n_domains: 7, ... ]
    ch_run  = READ_SAMPLESHEET.out.run  // [ seed: 0, n_seeds: 3, methods: [[ name: 'stmfg', settings: [...] ]], ... ]

    // Prepare: one canonical slice each, with the spots that pass quality control
    PREPARE(ch_rows, ch_run)

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
    DOMAINS(EXPRESSION.out.slices, NUMBERS.out.numbers, HISTOLOGY.out.features, ch_run)

    // Cohorts: the same number for the same tissue in all sections of a group
    COHORTS(EXPRESSION.out.slices, NUMBERS.out.numbers, DOMAINS.out.files, ch_rows, ch_run)

    // Regions: named in every section of a group that annotated sections teach
    REGIONS(EXPRESSION.out.slices, HISTOLOGY.out.features, ch_rows, ch_run)

    // Results: what the user takes home, one directory per slice and one per cohort
    RESULTS(
        EXPRESSION.out.slices,
        PREPARE.out.records.join(HISTOLOGY.out.files).join(NUMBERS.out.files).join(DOMAINS.out.files).join(COHORTS.out.files).join(REGIONS.out.files),
        COHORTS.out.places,
        ch_run,
    )

    // Report: the cohort table and one page that shows it all, failed slices first
    ch_records = PREPARE.out.records.transpose()
        .mix(HISTOLOGY.out.records, EXPRESSION.out.records, NUMBERS.out.records, DOMAINS.out.records)
        .mix(COHORTS.out.records, REGIONS.out.records, RESULTS.out.records)
    REPORT(
        ch_records,
        ch_run,
        READ_SAMPLESHEET.out.json, params,
        RESULTS.out.slices.mix(EXPRESSION.out.h5ad.join(EXPRESSION.out.figures)),
        RESULTS.out.cohorts,
        REGIONS.out.models.mix(EXPRESSION.out.models),
    )

    publish:
    // (mix: 25.04 cannot publish a value channel that stays empty, and would hide why a run stopped)
    slices     = RESULTS.out.slices
    inferred   = EXPRESSION.out.h5ad.join(EXPRESSION.out.figures)
    cohorts    = RESULTS.out.cohorts
    table      = REPORT.out.table.mix(channel.empty())
    report     = REPORT.out.report.mix(channel.empty())
    models     = REGIONS.out.models.mix(EXPRESSION.out.models)
    provenance = REPORT.out.provenance
}

output {
    // slices/cortex_1/cortex_1.h5ad, cortex_1.html, cortex_1.domains.png, cortex_1.loupe.domain.csv, ... (many tasks have them in slices/cortex_1 already)
    slices {
        path { meta, files, figures -> [files, figures].flatten()[0].parent.name == meta.id ? '.' : "slices/${meta.id}" }
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
    // models/cortex/model.json and .safetensors for --region_model, models/cortex/expression/... for --reference_model
    models {
        path { cohort, model -> model >> "models/${cohort.id - 'group:'}" }
    }
    // parameters and software versions, beside the engine's own trace, timeline, report and graph
    provenance {
        path 'pipeline_info'
    }
}

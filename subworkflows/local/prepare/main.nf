include { INGEST } from '../../../modules/local/ingest/main'
include { QC     } from '../../../modules/local/qc/main'

// From whatever the platform wrote to one canonical slice with its quality control.
workflow PREPARE {
    take:
    ch_rows // [ row ]  a validated samplesheet row with its files resolved

    main:
    INGEST(
        ch_rows.map { row ->
            def settings = row.subMap('platform', 'role', 'spot_spacing', 'annotation_column')
            [row.meta, settings, row.path ?: [], row.image ?: [], row.image_matrix ?: [], row.annotation_file ?: []]
        }
    )

    // A slice without a file has failed: its record goes to the report, the slice leaves the run.
    ch_thresholds = ch_rows.map { row -> [row.meta, row.subMap('min_counts', 'min_genes', 'max_mito', 'n_mads', 'n_domains')] }
    QC(INGEST.out.slice.join(ch_thresholds))

    // What ingest found out about a slice decides what is done with it.
    ch_facts = INGEST.out.record.map { meta, record -> [meta, readJson(record).metrics.subMap('has_counts', 'has_image')] }

    emit:
    slices  = INGEST.out.slice.join(QC.out.spots)                      // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    records = INGEST.out.record.join(QC.out.record, remainder: true)   // [ meta, [path(json)] ]  failed slices too
        .map { meta, ingested, checked -> [meta, [ingested, checked].findAll()] }
    facts   = ch_facts                                                 // [ meta, [ has_counts: boolean, has_image: boolean ] ]
}

def readJson(json) {
    return new groovy.json.JsonSlurperClassic().parseText(json.text)
}

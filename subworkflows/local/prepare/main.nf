include { INGEST      } from '../../../modules/local/ingest/main'
include { matrixBytes } from '../folders/main'
include { QC          } from '../../../modules/local/qc/main'
include { readJson    } from '../read_json/main'
include { stateOf     } from '../folders/main'

// From whatever the platform wrote to one canonical slice with its quality control.
workflow PREPARE {
    take:
    ch_rows // [ row ]  a validated samplesheet row with its files resolved
    ch_run  // [ assume_spacing: number, absent where not given, ... ]

    main:
    INGEST(
        ch_rows.combine(ch_run).map { row, run ->
            def columns = run.subMap('assume_spacing') + row.subMap('platform', 'role', 'um_per_px', 'spot_spacing', 'bin_um', 'library', 'table', 'coordinate_system', 'annotation_column')
            [row.meta, columns, stateOf(row.path), matrixBytes(row.path, row), row.path ?: [], row.image ?: [], row.image_matrix ?: [], row.annotation_file ?: []]
        }
    )

    // A slice without a file has failed: its record goes to the report, the slice leaves the run.
    QC(INGEST.out.slice.join(ch_rows.map { row -> [row.meta, row.subMap('min_counts', 'min_genes', 'max_mito', 'n_mads')] }))

    emit:
    slices  = INGEST.out.slice.join(QC.out.spots)                      // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    facts   = INGEST.out.facts                                         // [ meta, [ has_counts: true, has_image: false ] ]  decide what is done with it
        .map { meta, facts -> [meta, readJson(facts)] }
    records = INGEST.out.record.join(QC.out.record, remainder: true)   // [ meta, [path(json)] ]  failed slices too
        .map { meta, ingested, checked -> [meta, [ingested, checked].findAll()] }
}

include { MULTIQC   } from '../../../modules/local/multiqc/main'
include { SUMMARISE } from '../../../modules/local/summarise/main'

// One table and one page for the whole cohort.
workflow REPORT {
    take:
    ch_summaries // [ meta, path(slice.json) ]  slices that went through
    ch_records   // [ meta, path(json) ]  ingest, qc and graph of all slices
    rows         // path(rows.json)
    params_json  // parameters as JSON
    multiqc      // [ config: path(multiqc_config.yml), title: text or null ]

    main:
    SUMMARISE(
        inOrder(ch_summaries),
        inOrder(ch_records),
        rows,
        params_json,
    )

    // train: {torch: 2.9.0, ...}; MultiQC shows one row per process and program
    ch_versions = channel.topic('versions')
        .map { process, lines -> "${process.tokenize(':').last()}:\n${lines.trim().indent(4)}" }
        .unique()
        .collectFile(name: 'software_mqc_versions.yml', sort: true, newLine: true)

    MULTIQC(SUMMARISE.out.content.concat(ch_versions).collect(), multiqc.config, multiqc.title ?: '')

    emit:
    table      = SUMMARISE.out.table                       // path(slices.csv)
    report     = MULTIQC.out.report                        // path(multiqc_report.html)
    provenance = SUMMARISE.out.parameters.mix(ch_versions) // path(params.json), path(software_mqc_versions.yml)
}

// The files of a channel in a fixed order, so that a resumed task sees the same input.
def inOrder(ch_files) {
    return ch_files
        .toSortedList { one, other -> "${one[0].id}/${one[1].name}" <=> "${other[0].id}/${other[1].name}" }
        .map { pairs -> pairs.collect { pair -> pair[1] } }
}

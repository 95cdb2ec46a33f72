include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// One report. It reads the versions topic, so it must not write to it: the run would wait for itself.
process MULTIQC {
    label 'process_single'
    memory { memoryFor(task) { [:] } }
    time { timeFor(task) { [:] } }

    input:
    path 'content/*'
    path config, stageAs: 'config/*'
    val title // may be empty; its characters are checked with the parameters

    output:
    path 'multiqc_report.html', emit: report
    path 'multiqc_data'       , emit: data

    script:
    def title_option = title ? "--title '${title}'" : ''
    """
    multiqc \\
        --force \\
        --config content/report_order.yaml \\
        --config ${config} ${title_option} \\
        --filename multiqc_report.html \\
        content
    """

    stub:
    """
    mkdir multiqc_data
    touch multiqc_report.html
    """
}

// One report. It reads the versions topic, so it must not write to it: the run would wait for itself.
process MULTIQC {
    label 'process_single'

    input:
    path 'content/*'
    path config

    output:
    path 'multiqc_report.html', emit: report
    path 'multiqc_data'       , emit: data

    script:
    """
    multiqc \\
        --force \\
        --config ${config} \\
        --filename multiqc_report.html \\
        content
    """

    stub:
    """
    mkdir multiqc_data
    touch multiqc_report.html
    """
}

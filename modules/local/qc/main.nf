// Measure every spot and say which are kept; a slice that fails has a record only.
process QC {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(slice), val(thresholds)

    output:
    tuple val(meta), path('spots.csv.gz'), emit: spots, optional: true
    tuple val(meta), path('qc.json')     , emit: record
    tuple val(task.process), eval('versions.py h5py numpy scipy'), topic: versions

    script:
    def options = thresholds.findAll { _name, value -> value != null }.collect { name, value -> "--${name.replace('_', '-')} ${value}" }.join(' ')
    """
    export OMP_NUM_THREADS=${task.cpus}
    qc.py \\
        --sample '${meta.id}' \\
        --slice ${slice} ${options} \\
        --spots spots.csv.gz \\
        --record qc.json
    """

    stub:
    """
    touch spots.csv.gz
    echo '{}' > qc.json
    """
}

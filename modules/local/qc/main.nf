include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Measure every spot and say which are kept; a slice that fails has a record only.
process QC {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice] } }
    time { timeFor(task) { [slice: slice] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), val(thresholds) // thresholds: [ min_counts: 10, max_mito: null, ... ]

    output:
    tuple val(meta), path('spots.csv.gz'), emit: spots, optional: true
    tuple val(meta), path('qc.json')     , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py numpy scipy'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > thresholds.json << 'END_OF_ROW'
    ${groovy.json.JsonOutput.toJson(thresholds)}
    END_OF_ROW
    tissuegraph-run qc.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --thresholds thresholds.json \\
        --spots spots.csv.gz \\
        --record qc.json
    """

    stub:
    """
    touch spots.csv.gz
    echo '{}' > qc.json
    """
}

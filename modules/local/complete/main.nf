include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// The final h5ad of a slice with what characterising its domains found.
process COMPLETE {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [found: found] } }
    time { timeFor(task) { [slice: h5ad] } }

    input:
    tuple val(meta), path(h5ad, stageAs: 'in/*'), path(found, stageAs: 'found/*') // cortex_1.markers.csv, trajectory.npz, ...

    output:
    tuple val(meta), path("${meta.id}.h5ad"), emit: h5ad, optional: true
    tuple val(meta), path('complete.json')  , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata h5py'), topic: versions

    script:
    """
    tissuegraph-run complete.py \\
        --sample '${meta.id}' \\
        --h5ad ${h5ad} \\
        --found found \\
        --completed '${meta.id}.h5ad' \\
        --record complete.json
    """

    stub:
    """
    touch '${meta.id}.h5ad'
    echo '{}' > complete.json
    """
}

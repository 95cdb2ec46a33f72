include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Regions of one section by what was taught; nothing of any other section is read.
process NAME_REGIONS {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [slice: slice, spots: spots] } }
    time { timeFor(task) { [slice: slice, spots: spots] } }

    input:
    tuple val(meta), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*'), path(features, stageAs: 'in/*'), path(model, stageAs: 'taught/*'), val(state) // features: or []; state: of the files of a model from disk, which -resume compares

    output:
    tuple val(meta), path('regions.npz'), path('name_regions.json'), emit: regions, optional: true
    tuple val(meta), path('name_regions.json')                     , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py safetensors scikit-learn scipy torch'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    tissuegraph-run name_regions.py \\
        --sample '${meta.id}' \\
        --slice ${slice} \\
        --spots ${spots} \\
        ${features ? "--features ${features}" : ''} \\
        --model ${model} \\
        --device cpu \\
        --regions regions.npz \\
        --record name_regions.json
    """

    stub:
    """
    touch regions.npz
    echo '{}' > name_regions.json
    """
}

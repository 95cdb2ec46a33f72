include { hundredEpochs } from '../../../subworkflows/local/sizes/main'
include { largest       } from '../../../subworkflows/local/resources/main'
include { memoryFor     } from '../../../subworkflows/local/resources/main'
include { timeFor       } from '../../../subworkflows/local/resources/main'

// One stMFG encoder over all sections of a group, and the domains that it finds in all of them together.
process JOIN {
    tag "${meta.id}"
    label 'process_gpu'
    memory { memoryFor(task) { [slice: largest(slices), spots: spots] } }
    time { timeFor(task) { [spots: spots, runs: n_seeds * hundredEpochs(settings)] } }

    input:
    tuple val(meta), val(sections), path(slices, stageAs: 'slices/?/*'), path(spots, stageAs: 'spots/?/*'), val(n_domains), path(components, stageAs: 'components/*') // [ id: 'group:a', code: '8f1c' ], [ 'cortex_1', ... ], files in that order
    val settings // of the network: [ spatial_graph: [...], model: [...], ... ]
    val seed
    val n_seeds

    output:
    tuple val(meta), path('joint/*.joint_stmfg.npz'), emit: domains, optional: true
    tuple val(meta), path('join.json')              , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py h5py scikit-learn scikit-misc scipy torch'), topic: versions

    script:
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    tissuegraph-run join.py \\
        --sample '${meta.id}' \\
        --sections '${sections.join(',')}' \\
        --slices slices \\
        --spots spots \\
        --components components \\
        --n-domains ${n_domains} \\
        --preset settings.yaml \\
        --seed ${seed} \\
        --n-seeds ${n_seeds} \\
        --device ${task.ext.device ?: 'auto'} \\
        --outdir joint \\
        --record join.json
    """

    stub:
    """
    mkdir joint
    touch ${sections.collect { section -> "joint/${section}.joint_stmfg.npz" }.join(' ')}
    echo '{}' > join.json
    """
}

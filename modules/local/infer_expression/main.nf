// Infer the expression of one slice from its image and the other slices of its group; one that fails has a record only.
process INFER_EXPRESSION {
    tag "${meta.id}"
    label 'process_gpu'

    input:
    tuple val(meta), val(members), path(slices, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*'), path(features, stageAs: 'features?/*')
    val settings // of the method: [ panel: [...], graph: [...], ... ]
    val options  // [ by: slice or patient, seed: first seed, n_seeds: runs to average, genes: list of names, marker_genes: text or null, figures: formats ]

    output:
    tuple val(meta), path("${meta.id}.inferred.h5ad")         , emit: h5ad, optional: true
    tuple val(meta), path("${meta.id}.inferred.{png,svg}")    , emit: figures, optional: true
    tuple val(meta), path('on/slice.h5ad'), path('on/spots.csv.gz'), emit: slice, optional: true
    tuple val(meta), path('infer_expression.json')            , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata matplotlib scikit-misc scipy torch torch-geometric'), topic: versions

    script:
    def files = [slice: slices, spots: spots, features: features].collectMany { name, paths ->
        [paths].flatten().collect { path -> "--${name} ${path}" }
    }
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > members.json << 'END_OF_ROW'
    ${groovy.json.JsonOutput.toJson(members)}
    END_OF_ROW
    cat > settings.yaml << 'END_OF_SETTINGS'
    ${groovy.json.JsonOutput.toJson(settings)}
    END_OF_SETTINGS
    cat > genes.json << 'END_OF_GENES'
    ${groovy.json.JsonOutput.toJson(options.genes ?: [])}
    END_OF_GENES
    tissuegraph-run infer_expression.py \\
        --sample '${meta.id}' \\
        --members members.json \\
        ${files.join(' ')} \\
        --preset settings.yaml \\
        --by ${options.by} \\
        --seed ${options.seed} \\
        --n-seeds ${options.n_seeds} \\
        --genes genes.json \\
        --marker-genes '${options.marker_genes ?: ''}' \\
        --device ${task.ext.device ?: 'auto'} \\
        --figures ${options.figures} \\
        --outdir . \\
        --record infer_expression.json
    """

    stub:
    def is_target = members.any { member -> member.name == meta.id && member.role == 'target' }
    """
    touch ${meta.id}.inferred.h5ad ${meta.id}.inferred.png ${meta.id}.inferred.svg
    ${is_target ? 'mkdir on && touch on/slice.h5ad on/spots.csv.gz' : ''}
    echo '{}' > infer_expression.json
    """
}

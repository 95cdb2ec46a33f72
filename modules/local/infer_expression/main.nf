// Infer the expression of one slice from its image and the other slices of its group; one that fails has a record only.
process INFER_EXPRESSION {
    tag "${meta.id}"
    label 'process_gpu'

    input:
    tuple val(meta), val(cohort), path(slices, stageAs: 'slice?/*'), path(spots, stageAs: 'spots?/*'), path(features, stageAs: 'features?/*')
    path preset
    val settings // [ by: slice or patient, seed: first seed, n_seeds: runs to average, marker_genes: text or null ]

    output:
    tuple val(meta), path("${meta.id}.inferred.h5ad")         , emit: h5ad, optional: true
    tuple val(meta), path("${meta.id}.inferred.{png,svg}")    , emit: figures, optional: true
    tuple val(meta), path('on/slice.h5ad'), path('on/spots.csv.gz'), emit: slice, optional: true
    tuple val(meta), path('prediction.npz')                   , emit: prediction, optional: true
    tuple val(meta), path('infer_expression.json')            , emit: record
    tuple val(task.process), eval('versions.py anndata matplotlib scikit-misc scipy torch torch-geometric'), topic: versions

    script:
    // what users wrote reaches the program by a file: it is never part of a shell command
    def listed = groovy.json.JsonOutput.toJson(cohort).bytes.encodeBase64().toString()
    def files  = [slice: slices, spots: spots, features: features].collectMany { name, paths ->
        [paths].flatten().collect { path -> "--${name} ${path}" }
    }
    """
    export OMP_NUM_THREADS=${task.cpus}
    base64 -d <<< ${listed} > cohort.json
    infer_expression.py \\
        --sample '${meta.id}' \\
        --cohort cohort.json \\
        ${files.join(' ')} \\
        --preset ${preset} \\
        --by ${settings.by} \\
        --seed ${settings.seed} \\
        --n-seeds ${settings.n_seeds} \\
        --marker-genes '${settings.marker_genes ?: ''}' \\
        --device ${task.ext.device ?: 'auto'} \\
        --outdir . \\
        --record infer_expression.json
    """

    stub:
    def is_target = cohort.any { member -> member.name == meta.id && member.role == 'target' }
    """
    touch ${meta.id}.inferred.h5ad ${meta.id}.inferred.png ${meta.id}.inferred.svg prediction.npz
    ${is_target ? 'mkdir on && touch on/slice.h5ad on/spots.csv.gz' : ''}
    echo '{}' > infer_expression.json
    """
}

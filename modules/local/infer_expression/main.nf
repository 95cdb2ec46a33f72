include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Infer the expression of one slice from its image and what others taught; one that fails has a record only.
process INFER_EXPRESSION {
    tag "${meta.id}"
    label 'process_gpu'
    memory { memoryFor(task) { [slice: slice, spots: spots, features: features] } }
    time { timeFor(task) { [slice: slice, spots: spots, features: features] } }

    input:
    tuple val(meta), val(member), path(slice, stageAs: 'in/*'), path(spots, stageAs: 'in/*'), path(features, stageAs: 'in/*'), path(model, stageAs: 'learned/*'), path(told, stageAs: 'learned/*'), val(state) // [ name: 'a', role: 'target', patient: 'p1', group: 'b', references: names ]; model, told (why there is none): or []; state: of the files of a model from disk, which -resume compares
    val options // [ given: whether the model is from disk, genes: list of names asked of such a model, marker_genes: text or null, figures: formats ]

    output:
    tuple val(meta), path("${meta.id}.inferred.h5ad")         , emit: h5ad, optional: true
    tuple val(meta), path("${meta.id}.inferred.{png,svg}")    , emit: figures, optional: true
    tuple val(meta), path('on/slice.h5ad'), path('on/spots.csv.gz'), emit: slice, optional: true
    tuple val(meta), path('infer_expression.json')            , emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata matplotlib safetensors scipy torch torch-geometric'), topic: versions

    script:
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > member.json << 'END_OF_ROW'
    ${groovy.json.JsonOutput.toJson(member)}
    END_OF_ROW
    cat > genes.json << 'END_OF_GENES'
    ${groovy.json.JsonOutput.toJson(options.genes ?: [])}
    END_OF_GENES
    tissuegraph-run infer_expression.py \\
        --sample '${meta.id}' \\
        --member member.json \\
        --slice ${slice} \\
        --spots ${spots} \\
        --features ${features} \\
        ${model ? "--model ${model}" : ''} \\
        ${told ? "--told ${told}" : ''} \\
        ${options.given ? '--given --genes genes.json' : ''} \\
        --marker-genes '${options.marker_genes ?: ''}' \\
        --device ${task.ext.device ?: 'auto'} \\
        --figures ${options.figures} \\
        --outdir . \\
        --record infer_expression.json
    """

    stub:
    """
    touch ${meta.id}.inferred.h5ad ${meta.id}.inferred.png ${meta.id}.inferred.svg
    ${member.role == 'target' ? 'mkdir on && touch on/slice.h5ad on/spots.csv.gz' : ''}
    echo '{}' > infer_expression.json
    """
}

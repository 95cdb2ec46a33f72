include { decodedMegabytes } from '../../../subworkflows/local/sizes/main'
include { megabytesIn      } from '../../../subworkflows/local/resources/main'
include { memoryFor        } from '../../../subworkflows/local/resources/main'
include { timeFor          } from '../../../subworkflows/local/resources/main'

// Read one slice of any supported platform into the canonical h5ad; a slice that cannot be read has a record only.
process INGEST {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [matrix: n_bytes, more: decodedMegabytes(megabytesIn(image))] } }
    time { timeFor(task) { [matrix: n_bytes, image: image] } }

    input:
    tuple val(meta), val(columns), val(state), val(n_bytes), path(data, stageAs: 'data/*'), path(image, stageAs: 'image/*'), path(image_matrix, stageAs: 'matrix/*'), path(annotation, stageAs: 'annotation/*') // state: of the files in data, where it is a directory; -resume compares it; n_bytes: of the counts in data

    output:
    tuple val(meta), path('slice.h5ad') , emit: slice, optional: true
    tuple val(meta), path('facts.json') , emit: facts, optional: true
    tuple val(meta), path('ingest.json'), emit: record
    tuple val(task.process), eval('tissuegraph-run versions.py anndata h5py pillow scipy spatialdata'), topic: versions

    script:
    def files = [
        data         ? "--path ${data}" : '',
        image        ? "--image ${image}" : '',
        image_matrix ? "--image-matrix ${image_matrix}" : '',
        annotation   ? "--annotation ${annotation}" : '',
    ].findAll().join(' ')
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > row.json << 'END_OF_ROW'
    ${groovy.json.JsonOutput.toJson(columns)}
    END_OF_ROW
    tissuegraph-run ingest.py \\
        --sample '${meta.id}' \\
        --row row.json \\
        ${files} \\
        --slice slice.h5ad \\
        --facts facts.json \\
        --record ingest.json
    """

    stub:
    """
    touch slice.h5ad
    echo '{"has_counts": ${columns.role != 'target'}, "has_image": true}' > facts.json
    echo '{}' > ingest.json
    """
}

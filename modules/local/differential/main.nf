include { largest   } from '../../../subworkflows/local/resources/main'
include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Genes of each domain between the conditions of one group: counts summed per patient, a negative-binomial model.
process DIFFERENTIAL {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [section: largest(sections)] } }
    time { timeFor(task) { [sections: sections] } }

    input:
    tuple val(meta), path(sections, stageAs: 'sections/*'), path(records, stageAs: 'records/?/*'), val(design) // [ id: 'group:a', group_id: 'a' ], cortex_1.h5ad, ...; assemble.json, ...; [[ sample: 'cortex_1', patient: 'p1', condition: 'control', teaches: false ], ...]
    val figures // 'png,svg' or 'png'

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('differential.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py matplotlib numpy pandas pydeseq2 scipy'), topic: versions

    script:
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > design.json << 'END_OF_DESIGN'
    ${groovy.json.JsonOutput.toJson(design)}
    END_OF_DESIGN
    tissuegraph-run differential.py \\
        --sample '${meta.id}' \\
        --sections sections \\
        --records records \\
        --design design.json \\
        --figures ${figures} \\
        --outdir . \\
        --record differential.json
    """

    stub:
    """
    touch differential.csv '${meta.group_id}.differential.png' '${meta.group_id}.differential.svg'
    echo '{}' > differential.json
    """
}

include { largest   } from '../../../subworkflows/local/resources/main'
include { memoryFor } from '../../../subworkflows/local/resources/main'
include { timeFor   } from '../../../subworkflows/local/resources/main'

// Shares of domains between the conditions of one group: the patient is the unit, sections of one never count as replicates.
process COMPOSITION {
    tag "${meta.id}"
    label 'process_low'
    memory { memoryFor(task) { [section: largest(sections)] } }
    time { timeFor(task) { [sections: sections] } }

    input:
    tuple val(meta), path(sections, stageAs: 'sections/*'), path(records, stageAs: 'records/?/*'), val(design) // [ id: 'group:a', group_id: 'a' ], cortex_1.h5ad, ...; assemble.json, ...; [[ sample: 'cortex_1', patient: 'p1', condition: 'control', teaches: false ], ...]
    val figures // 'png,svg' or 'png'
    val seed    // of random arrangements, where there are too many to try all

    output:
    tuple val(meta), path('*.{csv,npz}', arity: '0..*'), path('*.{png,svg}', arity: '0..*'), path('composition.json'), emit: found
    tuple val(task.process), eval('tissuegraph-run versions.py matplotlib numpy pandas scipy'), topic: versions

    script:
    // what users wrote reaches the program by a file: it is never part of a shell command
    """
    export OMP_NUM_THREADS=${task.cpus}
    cat > design.json << 'END_OF_DESIGN'
    ${groovy.json.JsonOutput.toJson(design)}
    END_OF_DESIGN
    tissuegraph-run composition.py \\
        --sample '${meta.id}' \\
        --sections sections \\
        --records records \\
        --design design.json \\
        --seed ${seed} \\
        --figures ${figures} \\
        --outdir . \\
        --record composition.json
    """

    stub:
    """
    touch composition.csv composition_test.csv sections.csv '${meta.group_id}.composition.png' '${meta.group_id}.composition.svg'
    echo '{}' > composition.json
    """
}

include { INFER_EXPRESSION } from '../../../modules/local/infer_expression/main'

// Expression from histology: of every target, and with an evaluation of every reference as if it were one.
workflow EXPRESSION {
    take:
    ch_slices   // [ meta, path(slice.h5ad), path(spots.csv.gz), [ has_counts: boolean, ... ] ]
    ch_features // [ meta, path(features.npz) or [] ]  slices without image features take no part
    ch_rows     // [ row ]  validated rows of the samplesheet: role, patient and group are read
    ch_run      // [ infer_expression: boolean, evaluate: 'loso', 'lopo' or null, expression: [ settings: [...] ], ... ]

    main:
    ch_members = ch_rows
        .map { row -> [row.meta, row.subMap('role', 'patient', 'group')] }
        .join(ch_slices)
        .join(ch_features.filter { _meta, features -> features })
        .map { meta, row, slice, spots, _facts, features -> [meta: meta, row: row, slice: slice, spots: spots, features: features] }

    // One task per slice to infer. Its input is the whole group in the order of names, so that -resume finds it again.
    ch_groups = ch_members
        .combine(ch_run.filter { run -> run.infer_expression })
        .map { member, run -> [member.row.group, run.evaluate, member] }
        .groupTuple(by: [0, 1])
        .flatMap { _group, evaluate, members ->
            def sorted = members.sort { member -> member.meta.id }
            sorted.findAll { member -> isInferred(member, sorted, evaluate) }.collect { member -> taskInput(member, sorted) }
        }
    INFER_EXPRESSION(
        ch_groups,
        ch_run.map { run -> run.expression?.settings ?: [:] },
        ch_run.map { run -> [by: run.evaluate == 'lopo' ? 'patient' : 'slice'] + run.subMap('seed', 'n_seeds', 'genes', 'marker_genes', 'figures') },
    )

    emit:
    slices  = ch_slices                          // [ meta, path(slice.h5ad), path(spots.csv.gz) ]  with counts, measured or inferred
        .filter { _meta, _slice, _spots, facts -> facts.has_counts }
        .map { meta, slice, spots, _facts -> [meta, slice, spots] }
        .mix(INFER_EXPRESSION.out.slice)
    h5ad    = INFER_EXPRESSION.out.h5ad          // [ meta, path(sample.inferred.h5ad) ]
    figures = INFER_EXPRESSION.out.figures       // [ meta, [path(png), path(svg)] ]
    records = INFER_EXPRESSION.out.record        // [ meta, path(infer_expression.json) ]  failed slices too
}

// Targets always: without a reference the program says so. References where they are evaluated and another may serve.
def isInferred(Map member, List group, evaluate) {
    if (member.row.role != 'reference') {
        return true
    }
    def serving = group.findAll { other ->
        other.meta.id != member.meta.id && other.row.role != 'target' && (evaluate != 'lopo' || other.row.patient != member.row.patient)
    }
    return evaluate && serving
}

// The slice to infer and everyone who may serve it.
def taskInput(Map member, List group) {
    def involved = group.findAll { other -> other.row.role != 'target' || other.meta.id == member.meta.id }
    return [
        member.meta,
        involved.collect { other -> [name: other.meta.id] + other.row },
        involved*.slice,
        involved*.spots,
        involved*.features,
    ]
}

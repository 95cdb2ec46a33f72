include { INFER_EXPRESSION } from '../../../modules/local/infer_expression/main'

// Expression from histology: of every target, and with an evaluation of every reference as if it were one.
workflow EXPRESSION {
    take:
    ch_slices   // [ meta, path(slice.h5ad), path(spots.csv.gz) ]  with and without counts
    ch_features // [ meta, path(features.npz) or [] ]  slices without image features take no part
    ch_rows     // [ row ]  validated rows of the samplesheet: role, patient and group are read
    preset      // path(preset.yaml)
    settings    // [ evaluate: loso, lopo or null, seed: first seed, n_seeds: runs to average, marker_genes: text or null ]

    main:
    ch_members = ch_rows
        .map { row -> [row.meta, row.subMap('role', 'patient', 'group')] }
        .join(ch_slices)
        .join(ch_features.filter { _meta, features -> features })

    // One task per slice to infer. Its input is the whole group in the order of names, so that -resume finds it again.
    ch_groups = ch_members
        .map { meta, row, slice, spots, features -> [row.group, [meta: meta, row: row, slice: slice, spots: spots, features: features]] }
        .groupTuple()
        .flatMap { _group, members ->
            def sorted = members.sort { member -> member.meta.id }
            sorted.findAll { member -> isInferred(member, sorted, settings.evaluate) }.collect { member -> taskInput(member, sorted) }
        }
    INFER_EXPRESSION(ch_groups, preset, [by: settings.evaluate == 'lopo' ? 'patient' : 'slice'] + settings.subMap('seed', 'n_seeds', 'marker_genes'))

    emit:
    slices      = INFER_EXPRESSION.out.slice      // [ meta, path(slice.h5ad), path(spots.csv.gz) ]  inferred counts, of slices without any
    h5ad        = INFER_EXPRESSION.out.h5ad       // [ meta, path(sample.inferred.h5ad) ]
    figures     = INFER_EXPRESSION.out.figures    // [ meta, [path(png), path(svg)] ]
    predictions = INFER_EXPRESSION.out.prediction // [ meta, path(prediction.npz) ]
    records     = INFER_EXPRESSION.out.record     // [ meta, path(infer_expression.json) ]  failed slices too
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

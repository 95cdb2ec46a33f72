include { INFER_EXPRESSION } from '../../../modules/local/infer_expression/main'
include { LEARN_EXPRESSION } from '../../../modules/local/learn_expression/main'
include { readJson         } from '../read_json/main'
include { stateOf          } from '../folders/main'
include { withoutCode      } from '../parameters/main'

// Expression from histology: of every target, and with an evaluation of every reference as if it were one.
workflow EXPRESSION {
    take:
    ch_slices   // [ meta, path(slice.h5ad), path(spots.csv.gz), [ has_counts: boolean, ... ] ]
    ch_features // [ meta, path(features.npz) or [] ]  slices without image features take no part
    ch_rows     // [ row ]  validated rows of the samplesheet: role, patient, group and group_id are read
    ch_run      // [ infer_expression: boolean, evaluate: 'loso', 'lopo' or null, reference_model: directory or null, expression: [ settings: [...] ], ... ]

    main:
    ch_members = ch_rows
        .map { row -> [row.meta, row.subMap('role', 'patient', 'group'), row.group_id ?: 'ungrouped'] }
        .join(ch_slices)
        .join(ch_features.filter { _meta, features -> features })
        .map { meta, row, group_id, slice, spots, facts, features ->
            [meta: meta, row: row, group_id: group_id, serves: row.role != 'target' && facts.has_counts, slice: slice, spots: spots, features: features]
        }

    // One task per set of references, whatever the number of slices that it serves. Its input is in the order of
    // names, so that -resume finds it again.
    ch_plans = ch_members // [ meta: [ id: 'group:a without b', code: '8f1c' ], name: 'group:a', complete: boolean, references: [ member ], targets: [ member ] ]
        .combine(ch_run.filter { run -> run.infer_expression && !run.reference_model })
        .map { member, run -> [member.row.group, run.evaluate, member] }
        .groupTuple(by: [0, 1])
        .flatMap { _group, evaluate, members -> plansOf(members.sort { member -> member.meta.id }, evaluate) }
    LEARN_EXPRESSION(
        ch_plans
            .filter { plan -> plan.references }
            .map { plan -> [plan.meta, plan.references.collect { each -> [name: each.meta.id] + each.row }, plan.references*.slice, plan.references*.spots, plan.references*.features] },
        ch_run.map { run -> run.expression?.settings ?: [:] },
        ch_run.map { run -> [by: run.evaluate == 'lopo' ? 'patient' : 'slice'] + run.subMap('seed', 'n_seeds', 'genes') },
    )

    // A slice is inferred too where nothing was learned for it: its record says why
    ch_learned = LEARN_EXPRESSION.out.record
        .join(LEARN_EXPRESSION.out.model, remainder: true)
        .map { meta, record, model -> [meta, model ? [model: model, told: []] : [model: [], told: record]] }
    ch_planned = ch_plans
        .map { plan -> [plan.meta, plan] }
        .join(ch_learned, remainder: true)
        .flatMap { _meta, plan, learned -> plan.targets.collect { member -> inferInput(member, plan.references*.meta*.id, learned ?: [model: [], told: []], '') } }

    // A model from disk serves every slice that is to be inferred; no reference of the sheet is asked
    ch_disk = ch_run
        .filter { run -> run.infer_expression && run.reference_model }
        .map { run -> file(run.reference_model, glob: false) }
        .map { model -> [model, stateOf(model)] }
    ch_given = ch_members
        .filter { member -> member.row.role != 'reference' }
        .combine(ch_disk)
        .map { member, model, state -> inferInput(member, [], [model: model, told: []], state) }
    INFER_EXPRESSION(
        ch_planned.mix(ch_given),
        ch_run.map { run -> [given: run.reference_model ? true : false, genes: run.reference_model ? run.genes : []] + run.subMap('marker_genes', 'figures') },
    )

    emit:
    slices  = ch_slices                          // [ meta, path(slice.h5ad), path(spots.csv.gz) ]  with counts, measured or inferred
        .filter { _meta, _slice, _spots, facts -> facts.has_counts }
        .map { meta, slice, spots, _facts -> [meta, slice, spots] }
        .mix(INFER_EXPRESSION.out.slice)
    h5ad    = INFER_EXPRESSION.out.h5ad.map { entry -> withoutCode(entry) }       // [ meta, path(sample.inferred.h5ad) ]
    figures = INFER_EXPRESSION.out.figures.map { entry -> withoutCode(entry) }    // [ meta, [path(png), path(svg)] ]
    models  = ch_plans                           // [ [ id: 'group:a/expression' ], path(model) ]  of all references of a group
        .filter { plan -> plan.complete }
        .map { plan -> [plan.meta, plan.name] }
        .join(LEARN_EXPRESSION.out.model)
        .map { _meta, name, model -> [[id: "${name}/expression".toString()], model] }
    records = INFER_EXPRESSION.out.record        // [ meta, path(json) ]  failed ones too; of learning the failed ones only, as models hold the rest
        .mix(LEARN_EXPRESSION.out.record.filter { _meta, record -> readJson(record).status == 'failed' })
}

// Slices of one group, in the order of names, by the references that they are inferred from. All references of the
// group together are learned from as well, for the slices to come.
def plansOf(List group, evaluate) {
    def serving = group.findAll { member -> member.serves }
    def asked   = group.findAll { member -> member.row.role != 'reference' || (evaluate && referencesOf(member, serving, evaluate)) }
    if (!asked) {
        return []
    }
    def everyone = serving*.meta*.id
    def targets  = asked.groupBy { member -> referencesOf(member, serving, evaluate)*.meta*.id }
    def name     = "group:${group[0].group_id}".toString()
    return (targets.keySet() + [everyone]).collect { names ->
        def left_out = everyone - names
        def without  = left_out ? " without ${left_out.take(3).join(',')}${left_out.size() > 3 ? " and ${left_out.size() - 3} more" : ''}" : ''
        [
            meta: [id: "${name}${without}".toString(), code: group[0].meta.code],
            name: name,
            complete: names && !left_out,
            references: serving.findAll { member -> member.meta.id in names },
            targets: targets[names] ?: [],
        ]
    }
}

// Who serves a slice: all others with counts and, where patients are held out, of another patient.
def referencesOf(Map member, List serving, evaluate) {
    return serving.findAll { other ->
        other.meta.id != member.meta.id && !(evaluate == 'lopo' && member.row.patient && other.row.patient == member.row.patient)
    }
}

def inferInput(Map member, List references, Map learned, String state) {
    return [member.meta, [name: member.meta.id] + member.row + [references: references], member.slice, member.spots, member.features, learned.model, learned.told, state]
}

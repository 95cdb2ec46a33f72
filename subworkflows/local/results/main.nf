include { apart           } from '../batches/main'
include { ASSEMBLE        } from '../../../modules/local/assemble/main'
include { ASSEMBLE_COHORT } from '../../../modules/local/assemble_cohort/main'
include { CHARACTERISE    } from '../characterise/main'
include { COMPARE         } from '../characterise/main'
include { EXPLORE         } from '../../../modules/local/explore/main'
include { EXPORT          } from '../../../modules/local/export/main'
include { inBatches       } from '../batches/main'
include { inOneList       } from '../batches/main'
include { withoutCode     } from '../parameters/main'

// What the user takes home: every slice with all that was found on it, and the sections of each group in one object.
workflow RESULTS {
    take:
    ch_slices // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_found  // [ meta, [path], [path], ... ]  records and files of all steps
    ch_places // [ meta, [ group: 'group:a', size: 4 ] ]  group: null where a slice stands alone
    ch_run    // [ methods: [[ name: 'stmfg', ... ]], figures: 'png,svg', export: [ 'spatialdata' ], ... ]

    main:
    ch_parts = ch_slices
        .join(ch_found)
        .map { parts -> [parts[0], parts.drop(1).flatten().sort { path -> path.name }] } // [ meta, [ slice.h5ad, stmfg.domains.npz, ... ] ]
    ASSEMBLE(
        inBatches(ch_parts, ch_run, 'slices_per_task').map { metas, parts -> [metas] + inOneList(parts) },
        ch_run.map { run -> run.methods*.name },
        ch_run.map { run -> run.figures },
    )
    ch_assembled = ASSEMBLE.out.h5ad.flatMap { batch -> apart(batch) }   // [ meta, path(h5ad) ]
    ch_told      = ASSEMBLE.out.record.flatMap { batch -> apart(batch) } // [ meta, path(json) ]

    // What its domains mean
    CHARACTERISE(ch_assembled, ch_parts, ch_run)

    // A page to explore each slice; a slice goes on without it
    EXPLORE(inBatches(CHARACTERISE.out.h5ad, ch_run, 'slices_per_task'))

    // Each slice for other tools, where the run asks for some
    EXPORT(CHARACTERISE.out.h5ad.combine(ch_run.map { run -> [run.export] }).filter { _meta, _h5ad, formats -> formats })

    ch_besides = EXPLORE.out.page.flatMap { batch -> apart(batch) }.mix(EXPORT.out.files) // [ meta, [path], [path] ]
        .map { meta, files -> [meta, files, []] }
        .mix(CHARACTERISE.out.files)

    // The sections of a group, whatever became of its other ones
    ch_sections = ch_assembled
        .join(ch_told)
        .join(ch_parts)
        .join(ch_places)
        .filter { _meta, _h5ad, _record, _parts, place -> place.group }
        .map { meta, h5ad, record, parts, place -> [groupKey(place.group, place.size), [meta: meta, h5ad: h5ad, record: record, parts: parts, place: place]] }
        .groupTuple(remainder: true)
        .map { group, sections -> [group.toString(), sections.sort { section -> section.meta.id }] }
        .filter { _group, sections -> sections.size() > 1 }
    ASSEMBLE_COHORT(ch_sections.map { group, sections -> cohortInput(group, sections) }, ch_run.map { run -> run.figures })
    COMPARE(ch_sections, ch_run)

    emit:
    slices  = CHARACTERISE.out.h5ad.join(ASSEMBLE.out.figures.flatMap { batch -> apart(batch, 0, [0]) }).mix(ch_besides).map { entry -> withoutCode(entry) } // [ meta, path(h5ad), [path(png), path(svg)] ], [ meta, [path(html)], [] ]
    cohorts = ASSEMBLE_COHORT.out.h5ad.join(ASSEMBLE_COHORT.out.figures).mix(COMPARE.out.files).map { entry -> withoutCode(entry) } // [ [ id: 'group:a', group_id: 'a' ], path(h5ad), [path(png), path(svg)] ], [ ..., [path(csv)], [path(png)] ]
    records = ch_told.mix(CHARACTERISE.out.records, COMPARE.out.records, EXPLORE.out.record.flatMap { batch -> apart(batch) }, EXPORT.out.record, ASSEMBLE_COHORT.out.record) // [ meta, path(json) ]  failed ones too
}

// The group, the slices, their shared components, and the records that tell about them.
def cohortInput(String group, List sections) {
    def parts = sections.collectMany { section -> section.parts }
    def told  = parts.findAll { path -> path.name in ['cohort.json', 'join.json', 'match.json', 'pool_numbers.json', 'teach.json'] }.unique()
    return [
        [id: group, group_id: group - 'group:', code: sections[0].meta.code],
        sections*.h5ad,
        parts.findAll { path -> path.name.endsWith('.components.npz') },
        told + sections*.record,
    ]
}

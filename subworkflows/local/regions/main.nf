include { NAME_REGIONS } from '../../../modules/local/name_regions/main'
include { TEACH        } from '../../../modules/local/teach/main'
include { stateOf      } from '../folders/main'
include { withoutCode  } from '../parameters/main'

// Regions taught by the annotated sections of a group, or by a model of an earlier run, to all its other sections.
workflow REGIONS {
    take:
    ch_slices   // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_features // [ meta, path(features.npz) or [] ]
    ch_rows     // [ row ]  validated rows of the samplesheet: teaches, patient and group_id are read
    ch_run      // [ seed: 0, n_seeds: 3, region_model: directory or null, teaching: [ settings: [...] ], ... ]

    main:
    ch_places = ch_rows // [ meta, [ teacher: false, group: 'group:a', size: 2 ] ]  size: teachers of the group
        .toList()
        .flatMap { rows -> placesOf(rows) }
    ch_sections = ch_slices
        .join(ch_features)
        .join(ch_places)
        .branch { meta, slice, spots, features, place ->
            teaching: place.teacher
            return [meta, slice, spots, features, place]
            learning: true
            return [meta, slice, spots, features, place]
        }

    // A group waits for those of its teachers that can still come (remainder). Its input is in the order of names, so
    // that -resume finds it again; images teach where every teacher has one.
    ch_teachers = ch_sections.teaching
        .combine(ch_rows.map { row -> [row.meta, row.patient] }, by: 0)
        .map { meta, slice, spots, features, place, patient -> [groupKey(place.group, place.size), [meta: meta, patient: patient, slice: slice, spots: spots, features: features]] }
        .groupTuple(remainder: true)
        .map { group, members -> [group.toString(), members.sort { member -> member.meta.id }] }
        .map { group, members ->
            def features = members*.features
            [[id: group, code: members[0].meta.code], members.collect { member -> [name: member.meta.id, patient: member.patient] }, members*.slice, members*.spots, features.every() ? features : []]
        }
    TEACH(
        ch_teachers,
        ch_run.map { run -> run.teaching.settings },
        ch_run.map { run -> run.seed },
        ch_run.map { run -> run.n_seeds },
    )

    // A model from disk serves every slice; no row teaches beside it.
    ch_models = TEACH.out.model.map { cohort, model -> [cohort.id, model] }
    ch_disk = ch_run
        .filter { run -> run.region_model }
        .map { run -> file(run.region_model, glob: false) }
        .map { model -> [model, stateOf(model)] }
    NAME_REGIONS(
        ch_sections.learning
            .filter { _meta, _slice, _spots, _features, place -> place.size }
            .map { meta, slice, spots, features, place -> [place.group, meta, slice, spots, features] }
            .combine(ch_models, by: 0)
            .map { _group, meta, slice, spots, features, model -> [meta, slice, spots, features, model, ''] }
            .mix(ch_sections.learning.map { meta, slice, spots, features, _place -> [meta, slice, spots, features] }.combine(ch_disk))
    )

    // What each slice takes home; one that nobody teaches waits for nobody.
    ch_asked = ch_sections.learning
        .mix(ch_sections.teaching)
        .combine(ch_run)
        .branch { meta, _slice, _spots, _features, place, run ->
            taught: run.region_model || place.size
            return [meta, place]
            alone: true
            return [meta, []]
        }
    ch_told = TEACH.out.record
        .map { cohort, record -> [cohort.id, record] }
        .cross(ch_asked.taught.map { meta, place -> [place.group, meta] })
        .map { told, asked -> [asked[1], told[1]] }
    ch_parts = NAME_REGIONS.out.regions
        .flatMap { meta, regions, record -> [[meta, regions], [meta, record]] }
        .mix(ch_told)
        .groupTuple(size: 3, remainder: true)

    emit:
    files   = ch_asked.taught // [ meta, [path] ]  regions.npz, name_regions.json, teach.json; empty where nobody teaches
        .join(ch_parts, remainder: true)
        .filter { _meta, asked, _files -> asked }
        .map { meta, _asked, files -> [meta, (files ?: []).sort { path -> path.name }] }
        .mix(ch_asked.alone)
    models  = TEACH.out.model.map { entry -> withoutCode(entry) } // [ [ id: 'group:a' ], path(model) ]
    records = TEACH.out.record.mix(NAME_REGIONS.out.record) // [ meta, path(json) ]
}

// Whether each row teaches, its group, and how many rows of that teach.
def placesOf(List rows) {
    def teachers = rows.findAll { row -> row.teaches && row.group_id }.countBy { row -> row.group_id }
    return rows.collect { row ->
        [row.meta, [teacher: row.teaches && row.group_id, group: row.group_id ? "group:${row.group_id}".toString() : null, size: teachers[row.group_id] ?: 0]]
    }
}

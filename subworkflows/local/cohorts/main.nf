include { COHORT   } from '../../../modules/local/cohort/main'
include { JOIN     } from '../../../modules/local/join/main'
include { MATCH    } from '../../../modules/local/match/main'
include { cohortOf } from '../groups/main'

// The sections of a group as one analysis: shared components, and the same number for the same tissue.
workflow COHORTS {
    take:
    ch_slices  // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_numbers // [ meta, n_domains ]
    ch_domains // [ meta, [path] ]  files of all methods and of the baseline
    ch_rows    // [ row ]  validated rows of the samplesheet: group_id is read
    ch_run     // [ seed: 0, cohort: 'matched', methods: [[ name: 'stmfg', ... ]], ... ]

    main:
    ch_places = ch_rows // [ meta, [ group: 'group:a', size: 4 ] ]  group: null where no other row shares it
        .toList()
        .map { rows -> [rows] }
        .combine(ch_run)
        .flatMap { rows, run -> placesOf(rows, run.cohort) }
    ch_sections = ch_places.filter { _meta, place -> place.group }

    // A group waits for the sections that can still come, never for one that failed (remainder). Its input is in the
    // order of names, so that -resume finds it again.
    ch_group = ch_slices
        .join(ch_numbers)
        .join(ch_sections)
        .map { meta, slice, spots, n_domains, section -> [groupKey(section.group, section.size), [meta: meta, slice: slice, spots: spots, n_domains: n_domains]] }
        .groupTuple(remainder: true)
        .map { group, members -> [group.toString(), members.sort { member -> member.meta.id }] }
        .filter { _group, members -> members.size() > 1 }
        .map { group, members -> [[id: group, code: members[0].meta.code], members*.meta*.id, members*.slice, members*.spots, typical(members*.n_domains)] }
    COHORT(ch_group, ch_run.map { run -> run.seed })

    // With joint domains stMFG learns from all sections at once, where it is among the methods
    JOIN(
        ch_group
            .map { cohort, sections, slices, spots, n_domains -> [cohort.id, cohort, sections, slices, spots, n_domains] }
            .join(COHORT.out.components.map { cohort, components -> [cohort.id, components] })
            .combine(ch_run.filter { run -> run.cohort == 'joint' && 'stmfg' in run.methods*.name })
            .map { _group, cohort, sections, slices, spots, n_domains, components, _run -> [cohort, sections, slices, spots, n_domains, components] },
        ch_run.map { run -> run.teaching.settings },
        ch_run.map { run -> run.seed },
        ch_run.map { run -> run.n_seeds },
    )
    ch_shared = COHORT.out.components // [ group, cohort, [path] ]  without joint domains of stMFG where there are none
        .map { cohort, components -> [cohort.id, cohort, components] }
        .join(JOIN.out.domains.map { cohort, domains -> [cohort.id, domains] }, remainder: true)
        .map { group, cohort, components, domains -> [group, cohort, [components, domains ?: []].flatten()] }

    ch_found = ch_domains
        .join(ch_sections)
        .map { meta, files, section -> [groupKey(section.group, section.size), [meta: meta, files: files.findAll { path -> path.name == 'baseline.npz' || path.name.endsWith('.domains.npz') }]] }
        .groupTuple(remainder: true)
        .map { group, members -> [group.toString(), members.sort { member -> member.meta.id }] }
        .filter { _group, members -> members.size() > 1 }
    MATCH(
        ch_shared
            .join(ch_found)
            .map { _group, cohort, components, members ->
                def results = members.collectMany { member -> member.files.sort { path -> path.name }.collect { path -> [member.meta.id, path] } }
                [cohort, results.collect { sample, path -> [sample, path.name.tokenize('.')[0]] }, results.collect { _sample, path -> path }, components]
            },
        ch_run.map { run -> run.methods*.name },
        ch_run.map { run -> run.cohort ?: 'matched' },
    )

    // What each section takes home of its group; where a step of the group failed, its record tells why.
    ch_records = COHORT.out.record.mix(JOIN.out.record, MATCH.out.record)
    ch_told = ch_records
        .map { cohort, record -> [cohort.id, record] }
        .combine(ch_sections.map { meta, section -> [section.group, meta] }, by: 0)
        .map { _group, record, meta -> [meta, record] }
    ch_own = COHORT.out.components.mix(JOIN.out.domains, MATCH.out.numbers)
        .flatMap { _cohort, files -> [files].flatten().collect { path -> [path.name - '.components.npz' - '.joint_stmfg.npz' - '.numbers.json', path] } }
        .combine(ch_rows.map { row -> [row.sample, row.meta] }, by: 0)
        .map { _sample, path, meta -> [meta, path] }
    ch_parts = ch_told // two records, components, numbers; one record and joint domains more where stMFG joins
        .mix(ch_own)
        .combine(ch_run)
        .map { meta, path, run -> [groupKey(meta.id, run.cohort == 'joint' && 'stmfg' in run.methods*.name ? 6 : 4), meta, path] }
        .groupTuple(remainder: true)
        .map { _sample, metas, paths -> [metas[0], paths] }

    // Slices without group wait for nobody
    ch_members = ch_domains
        .join(ch_places)
        .branch { meta, _files, place ->
            grouped: place.group
            return [meta, true]
            alone: true
            return [meta, []]
        }

    emit:
    files   = ch_members.grouped // [ meta, [path] ]  empty without group
        .join(ch_parts, remainder: true)
        .filter { _meta, found, _files -> found }
        .map { meta, _found, files -> [meta, (files ?: []).sort { path -> path.name }] }
        .mix(ch_members.alone)
    places  = ch_places          // [ meta, [ group: 'group:a' or null, size: 4 ] ]
    records = ch_records         // [ [ id: 'group:a' ], path(json) ]
}

// The group of each row, how many rows it has, and whom the row is of.
def placesOf(List rows, cohort) {
    return rows
        .groupBy { row -> cohortOf(row, cohort) }
        .collectMany { group, sections -> sections.collect { row -> [row.meta, [group: sections.size() > 1 ? group : null, size: sections.size(), patient: row.patient, condition: row.condition, teaches: row.teaches]] } }
}

// The median of the numbers of domains: that of the group, unless its rows were given different ones.
def typical(List numbers) {
    return numbers.sort(false)[numbers.size().intdiv(2)]
}

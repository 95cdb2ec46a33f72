include { apart        } from '../batches/main'
include { ESTIMATE     } from '../../../modules/local/estimate/main'
include { POOL_NUMBERS } from '../../../modules/local/pool_numbers/main'
include { cohortOf     } from '../groups/main'
include { inBatches    } from '../batches/main'
include { readJson     } from '../read_json/main'

// The number of domains of every slice: given in its row or by its group, else estimated and pooled over the group.
workflow NUMBERS {
    take:
    ch_slices // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_rows   // [ row ]  validated rows of the samplesheet: n_domains and group_id are read
    ch_run    // [ seed: 0, cohort: 'matched', ... ]

    main:
    ch_wanted = ch_rows // [ meta, [ cohort: 'group:a' or 'cortex_1', size: 4, n_domains: 7 or null ] ]
        .toList()
        .map { rows -> [rows] }
        .combine(ch_run)
        .flatMap { rows, run -> wantedNumbers(rows, run.cohort) }
    ch_asked = ch_slices
        .join(ch_wanted)
        .branch { meta, slice, spots, wanted ->
            given: wanted.n_domains
            return [meta, wanted.n_domains]
            estimated: true
            return [meta, slice, spots]
        }
    ESTIMATE(inBatches(ch_asked.estimated, ch_run, 'slices_per_task'), ch_run.map { run -> run.seed })
    ch_own = ESTIMATE.out.record.flatMap { batch -> apart(batch) } // [ meta, path(json) ]

    // A group waits for the sections that can still come, never for one that failed (remainder).
    POOL_NUMBERS(
        ESTIMATE.out.evidence
            .flatMap { batch -> apart(batch) }
            .join(ch_wanted)
            .map { meta, evidence, wanted -> [groupKey(wanted.cohort, wanted.size), meta.code, evidence] }
            .groupTuple(remainder: true)
            .map { cohort, codes, evidence -> [[id: cohort.toString(), code: codes[0]], evidence.sort { path -> path.name }] }
    )

    // Without a pooled number a section goes on with its own, and without its own with the pooled one.
    ch_pooled = POOL_NUMBERS.out.record
        .map { cohort, record -> [cohort.id, record] }
        .cross(ch_wanted.map { meta, wanted -> [wanted.cohort, meta] })
        .map { pooled, member -> [member[1], pooled[1]] }
    ch_estimated = ch_asked.estimated
        .map { meta, _slice, _spots -> [meta, true] }
        .join(ch_pooled, remainder: true)
        .join(ch_own, remainder: true)
        .filter { _meta, asked, _pooled, _own -> asked }
        .map { meta, _asked, pooled, own -> [meta, [pooled, own].findAll { record -> record && numberIn(record) }.take(1)] }
        .filter { _meta, records -> records }

    emit:
    numbers = ch_asked.given.mix(ch_estimated.map { meta, records -> [meta, numberIn(records[0])] })     // [ meta, 7 ]
    files   = ch_asked.given.map { meta, _number -> [meta, []] }.mix(ch_estimated)                        // [ meta, [path(pool_numbers.json)] ]  empty where the number is given
    records = ch_own.mix(POOL_NUMBERS.out.record)                                                         // [ meta, path(json) ]
}

// Whose estimate each row takes part in where it has no number; one that its group agrees on was filled in with the sheet.
def wantedNumbers(List rows, cohort) {
    def members = rows.groupBy { row -> cohortOf(row, cohort) }
    return members.collectMany { name, sections ->
        def asked = sections.findAll { row -> !row.n_domains }
        sections.collect { row -> [row.meta, [cohort: name, size: asked.size(), n_domains: row.n_domains]] }
    }
}

def numberIn(record) {
    return readJson(record).metrics?.n_domains
}

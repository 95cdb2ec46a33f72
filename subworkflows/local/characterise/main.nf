include { apart         } from '../batches/main'
include { COMPLETE      } from '../../../modules/local/complete/main'
include { COMPOSITION   } from '../../../modules/local/composition/main'
include { DENOISE       } from '../../../modules/local/denoise/main'
include { DIFFERENTIAL  } from '../../../modules/local/differential/main'
include { ENRICHMENT    } from '../../../modules/local/enrichment/main'
include { INTERACTIONS  } from '../../../modules/local/interactions/main'
include { MARKERS       } from '../../../modules/local/markers/main'
include { SPATIAL_GENES } from '../../../modules/local/spatial_genes/main'
include { TRAJECTORY    } from '../../../modules/local/trajectory/main'
include { fileOrNone    } from '../parameters/main'
include { inBatches     } from '../batches/main'
include { inOneList     } from '../batches/main'

// What the domains of every slice mean, or its regions where sections were taught: each question is a process of its own,
// so that -resume repeats only what changed. A slice goes on without what could not be answered.
workflow CHARACTERISE {
    take:
    ch_h5ad   // [ meta, path(h5ad) ]  as assembled
    ch_parts  // [ meta, [path] ]  files of all steps: stmfg.arrays.npz, features.npz, ...
    ch_run    // [ seed: 0, characterise: [ 'markers', 'spatial_genes' ], root: null, gene_sets: null, interaction_pairs: null, figures: 'png,svg', methods: [[ name: 'stmfg', train: [...] ]], ... ]

    main:
    ch_seed    = ch_run.map { run -> run.seed }
    ch_figures = ch_run.map { run -> run.figures }
    ch_asked   = ch_h5ad
        .combine(ch_run)
        .flatMap { meta, h5ad, run -> run.characterise.collect { step -> [step, meta, h5ad] } }
        .branch { step, meta, h5ad ->
            markers: step == 'markers'
            return [meta, h5ad]
            spatial_genes: step == 'spatial_genes'
            return [meta, h5ad]
            trajectory: step == 'trajectory'
            return [meta, h5ad]
            interactions: step == 'interactions'
            return [meta, h5ad]
            enrichment: step == 'enrichment'
            return [meta, h5ad]
            denoise: true
            return [meta, h5ad]
        }
    MARKERS(inBatches(ch_asked.markers, ch_run, 'slices_per_task'), ch_seed, ch_figures)
    SPATIAL_GENES(inBatches(ch_asked.spatial_genes, ch_run, 'slices_per_task'), ch_figures)
    ch_markers       = MARKERS.out.found.flatMap { batch -> apart(batch, 0, [0, 1]) } // [ meta, [path(csv), path(npz)], [path(png)], path(json) ]
    ch_spatial_genes = SPATIAL_GENES.out.found.flatMap { batch -> apart(batch, 0, [0, 1]) }
    TRAJECTORY(ch_asked.trajectory, ch_run.map { run -> run.root ?: '' }, ch_seed, 5, ch_figures)
    INTERACTIONS(ch_asked.interactions, ch_run.map { run -> fileOrNone('interaction_pairs', run.interaction_pairs) }, 1000, ch_seed, ch_figures)
    ENRICHMENT(
        ch_asked.enrichment
            .join(ch_markers)
            .map { meta, h5ad, files, _figures, _record -> [meta, h5ad, [files].flatten().find { path -> path.name.endsWith('.markers.csv') }] }
            .filter { _meta, _h5ad, markers -> markers },
        ch_run.map { run -> fileOrNone('gene_sets', run.gene_sets) },
        ch_seed,
    )
    DENOISE(
        ch_asked.denoise
            .join(ch_parts)
            .combine(ch_run.flatMap { run -> run.methods.findAll { method -> method.name == 'stmfg' } }) // (a value channel without a value would never end)
            .map { meta, h5ad, parts, method -> [meta, h5ad, method.train, partOf(parts, 'stmfg.arrays.npz'), method.reads_image ? partOf(parts, 'features.npz') : []] }
            .filter { _meta, _h5ad, _settings, arrays, _features -> arrays },
        ch_seed,
        3,
        ch_figures,
    )
    ch_found = ch_markers.mix(ch_spatial_genes, TRAJECTORY.out.found, INTERACTIONS.out.found, ENRICHMENT.out.found, DENOISE.out.found) // [ meta, [path(csv), path(npz)], [path(png)], path(json) ]

    // A slice waits for the answers that can still come, never for one that failed (remainder)
    ch_answers = ch_found
        .combine(ch_run)
        .map { meta, files, _figures, _record, run -> [groupKey(meta, run.characterise.size()), [files].flatten()] }
        .groupTuple(remainder: true)
        .map { key, files -> [key.getGroupTarget(), files.flatten().sort { path -> path.name }] } // [ meta, [path] ]
        .filter { _meta, files -> files }
    COMPLETE(inBatches(ch_h5ad.join(ch_answers), ch_run, 'slices_per_task').map { metas, h5ads, found -> [metas, h5ads] + inOneList(found) })

    // As assembled where nothing was found, or where that could not be added
    ch_places = ch_h5ad
        .combine(ch_run)
        .branch { meta, h5ad, run ->
            asked: run.characterise
            return [meta, h5ad]
            plain: true
            return [meta, h5ad]
        }

    emit:
    h5ad    = ch_places.asked                                   // [ meta, path(h5ad) ]
        .join(COMPLETE.out.h5ad.flatMap { batch -> apart(batch) }, remainder: true)
        .filter { _meta, assembled, _completed -> assembled }
        .map { meta, assembled, completed -> [meta, completed ?: assembled] }
        .mix(ch_places.plain)
    files   = ch_found                                          // [ meta, [path(csv)], [path(png), path(svg)] ]
        .map { meta, files, figures, _record -> [meta, [files].flatten().findAll { path -> path.name.endsWith('.csv') }, [figures].flatten()] }
        .filter { _meta, tables, figures -> tables || figures }
    records = ch_found                                          // [ meta, path(json) ]
        .map { meta, _files, _figures, record -> [meta, record] }
        .mix(COMPLETE.out.record.flatMap { batch -> apart(batch) })
}

def partOf(List parts, String name) {
    return parts.find { path -> path.name == name } ?: []
}

// What differs between the sections of a group, and between patients of two conditions.
workflow COMPARE {
    take:
    ch_sections // [ group, [[ meta: meta, h5ad: path, record: path, place: [ patient: 'p1', condition: 'treated', teaches: false ] ]] ]  in the order of names
    ch_run      // [ seed: 0, characterise: [ 'markers' ], figures: 'png,svg', ... ]

    main:
    ch_groups = ch_sections
        .combine(ch_run)
        .filter { _group, _sections, run -> run.characterise }
        .map { group, sections, _run -> [[id: group, group_id: group - 'group:', code: sections[0].meta.code], sections*.h5ad, sections*.record, sections.collect { section -> designOf(section) }] }
    ch_figures = ch_run.map { run -> run.figures }
    COMPOSITION(ch_groups, ch_figures, ch_run.map { run -> run.seed })
    DIFFERENTIAL(ch_groups.filter { _cohort, _sections, _records, design -> design*.condition.findAll().toSet().size() > 1 }, ch_figures)
    ch_found = COMPOSITION.out.found.mix(DIFFERENTIAL.out.found) // [ cohort, [path(csv)], [path(png)], path(json) ]

    emit:
    files   = ch_found // [ cohort, [path(csv)], [path(png), path(svg)] ]
        .map { cohort, tables, figures, _record -> [cohort, [tables].flatten(), [figures].flatten()] }
        .filter { _cohort, tables, figures -> tables || figures }
    records = ch_found.map { cohort, _tables, _figures, record -> [cohort, record] } // [ cohort, path(json) ]
}

// Whom a section is of, and what was done to them.
def designOf(Map section) {
    return [sample: section.meta.id] + section.place.subMap('patient', 'condition', 'teaches')
}

include { apart     } from '../batches/main'
include { BASELINE  } from '../../../modules/local/baseline/main'
include { CLUSTER   } from '../../../modules/local/cluster/main'
include { GRAPH     } from '../../../modules/local/graph/main'
include { inBatches } from '../batches/main'
include { inOneList } from '../batches/main'
include { TRAIN     } from '../../../modules/local/train/main'

// Tissue domains of every slice: those of each method, and the control they have to beat.
workflow DOMAINS {
    take:
    ch_slices   // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_numbers  // [ meta, n_domains ]  slices without a number take part in none of this
    ch_features // [ meta, path(features.npz) or [] ]  image features where the slice has an image
    ch_run      // [ seed: 0, n_seeds: 3, methods: [[ name: 'stmfg', reads_image: false, graph: [...], train: [...], cluster: [...] ]], ... ]

    main:
    ch_seed = ch_run.map { run -> run.seed }
    ch_numbered = ch_slices.join(ch_numbers) // [ meta, path(slice.h5ad), path(spots.csv.gz), n_domains ]
    BASELINE(inBatches(ch_numbered, ch_run, 'slices_per_task'), ch_seed)

    // Each step gets the settings that it reads as a value, and no others: what it does not read repeats nothing.
    ch_methods = ch_run.flatMap { run -> run.methods } // [ name: 'stmfg', reads_image: false, graph: [...], train: [...], cluster: [...] ]
    ch_preparing = ch_slices
        .combine(ch_methods)
        .map { meta, slice, spots, method -> [meta, method.name, method.graph, slice, spots] }
    GRAPH(inBatches(ch_preparing, ch_run, 'slices_per_task', 2))
    ch_prepared = GRAPH.out.arrays.flatMap { batch -> apart(batch, 1) } // [ meta, name, path(arrays.npz), path(json) ]
    ch_training = ch_prepared
        .map { meta, name, arrays, _record -> [name, meta, arrays] }
        .combine(ch_methods.map { method -> [method.name, method] }, by: 0)
        .map { name, meta, arrays, method -> [meta, name, method, arrays] }
        .combine(ch_features, by: 0)
        .map { meta, name, method, arrays, features -> [meta, name, method.train, arrays, method.reads_image ? features : []] }
    TRAIN(
        inBatches(ch_training, ch_run, 'slices_per_gpu_task', 2).map { metas, name, settings, arrays, features -> [metas, name, settings, arrays] + inOneList(features) },
        ch_seed,
        ch_run.map { run -> run.n_seeds },
    )
    ch_trained = TRAIN.out.embedding.flatMap { batch -> apart(batch, 1) } // [ meta, name, path(embedding.npz), path(json) ]

    // All answers have the same number of domains.
    ch_embedded = ch_prepared
        .join(ch_trained, by: [0, 1])
        .map { meta, name, arrays, _graph, embedding, _train -> [name, meta, arrays, embedding] }
        .combine(ch_methods.map { method -> [method.name, method.cluster] }, by: 0)
        .map { name, meta, arrays, embedding, settings -> [meta, name, settings, arrays, embedding] }
        .combine(ch_numbers, by: 0)
        .map { meta, name, settings, arrays, embedding, n_domains -> [meta, name, settings, n_domains, arrays, embedding] }
    CLUSTER(inBatches(ch_embedded, ch_run, 'slices_per_task', 2), ch_seed)

    // A slice may have lost a method on the way (remainder), and waits for none that is still to come (size).
    ch_answers = ch_prepared
        .join(ch_trained, by: [0, 1])
        .join(CLUSTER.out.domains.flatMap { batch -> apart(batch, 1) }, by: [0, 1])
        .combine(ch_run)
        .map { meta, _name, arrays, graph, embedding, train, domains, cluster, run -> [groupKey(meta, run.methods.size()), [arrays, graph, embedding, train, domains, cluster]] }
        .groupTuple(remainder: true)
        .map { key, answers -> [key.getGroupTarget(), answers] }

    emit:
    files   = BASELINE.out.domains.flatMap { batch -> apart(batch) }                // [ meta, [ path(baseline.npz), path(baseline.json), path(stmfg.arrays.npz), ... ] ]
        .join(ch_answers)
        .map { meta, baseline, record, answers -> [meta, [baseline, record, answers].flatten()] }
    records = BASELINE.out.record.mix(GRAPH.out.record, TRAIN.out.record, CLUSTER.out.record).flatMap { batch -> apart(batch) } // [ meta, path(json) ]  failed slices too
}

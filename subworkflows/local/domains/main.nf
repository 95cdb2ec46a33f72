include { BASELINE } from '../../../modules/local/baseline/main'
include { CLUSTER  } from '../../../modules/local/cluster/main'
include { GRAPH    } from '../../../modules/local/graph/main'
include { TRAIN    } from '../../../modules/local/train/main'

// Tissue domains of every slice: those of each method, and the control they have to beat.
workflow DOMAINS {
    take:
    ch_slices    // [ meta, path(slice.h5ad), path(spots.csv.gz), n_domains or null ]
    ch_features  // [ meta, path(features.npz) or [] ]  image features where the slice has an image
    ch_presets   // [ method, path(preset.yaml) ]
    methods      // [ all: ['stmfg', 'multist'], image: ['multist'] ]  the first one gives the final answer; who reads images
    seeds        // [ first: seed, n: number of seeds ]

    main:
    BASELINE(ch_slices, seeds.first)

    GRAPH(ch_slices.map { meta, slice, spots, _n_domains -> [meta, slice, spots] }.combine(ch_presets))
    ch_training = GRAPH.out.arrays
        .combine(ch_features, by: 0)
        .map { meta, method, preset, arrays, features -> [meta, method, preset, arrays, method in methods.image ? features : []] }
    TRAIN(ch_training, seeds.first, seeds.n)

    // All answers have the same number of domains: the one given, or the one the baseline estimated.
    CLUSTER(GRAPH.out.arrays.join(TRAIN.out.embedding, by: [0, 1]).combine(BASELINE.out.record, by: 0), seeds.first)

    // A slice may have lost a method on the way (remainder), and waits for none that is still to come (size).
    ch_answers = GRAPH.out.arrays
        .join(TRAIN.out.embedding, by: [0, 1])
        .join(CLUSTER.out.domains, by: [0, 1])
        .map { meta, method, _preset, arrays, embedding, domains -> [meta, [method, arrays, embedding, domains]] }
        .groupTuple(size: methods.all.size(), remainder: true)
        .map { meta, answers ->
            def sorted = answers.sort { answer -> methods.all.indexOf(answer[0]) }
            [meta, sorted*.get(0), sorted[0][1], sorted*.get(2), sorted*.get(3)]
        }

    emit:
    graphs  = GRAPH.out.record                                // [ meta, path(graph.json) ]  failed slices too
    domains = BASELINE.out.domains.join(ch_answers)           // [ meta, path(baseline), [method], path(arrays), [path(embedding)], [path(domains)] ]
    records = GRAPH.out.record                                // [ meta, [path(json)] ]
        .mix(BASELINE.out.record, TRAIN.out.record, CLUSTER.out.record)
        .groupTuple(size: 1 + 3 * methods.all.size(), remainder: true)
        .map { meta, records -> [meta, records.sort { record -> "${record.name} ${record}" }] }
}

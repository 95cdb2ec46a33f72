include { BASELINE } from '../../../modules/local/baseline/main'
include { CLUSTER  } from '../../../modules/local/cluster/main'
include { GRAPH    } from '../../../modules/local/graph/main'
include { TRAIN    } from '../../../modules/local/train/main'

// Tissue domains of every slice: the learned ones, and the control they have to beat.
workflow DOMAINS {
    take:
    ch_slices    // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_n_domains // [ meta, n_domains or null ]
    preset       // path(preset.yaml)
    seeds        // [ first: seed, n: number of seeds ]

    main:
    BASELINE(ch_slices.join(ch_n_domains), seeds.first)

    GRAPH(ch_slices, preset)
    TRAIN(GRAPH.out.arrays, preset, seeds.first, seeds.n)

    // Both answers have the same number of domains: the one given, or the one the baseline estimated.
    CLUSTER(GRAPH.out.arrays.join(TRAIN.out.embedding).join(BASELINE.out.record), preset, seeds.first)

    emit:
    graphs  = GRAPH.out.record                                // [ meta, path(graph.json) ]  failed slices too
    domains = GRAPH.out.arrays                                // [ meta, path(arrays), path(baseline), path(embedding), path(domains) ]
        .join(BASELINE.out.domains)
        .join(TRAIN.out.embedding)
        .join(CLUSTER.out.domains)
    records = GRAPH.out.record                                // [ meta, [path(json)] ]
        .join(BASELINE.out.record)
        .join(TRAIN.out.record)
        .join(CLUSTER.out.record)
        .map { meta, graph, baseline, train, cluster -> [meta, [graph, baseline, train, cluster]] }
}

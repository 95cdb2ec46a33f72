include { ENCODE_HISTOLOGY } from '../../../modules/local/encode_histology/main'

// Image features of every slice that has an image; the others go on without.
workflow HISTOLOGY {
    take:
    ch_slices // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_images // [ meta, path(image) or [], path(matrix) or [] ]  files of the samplesheet
    ch_wanted // [ meta, boolean ]  there is an image, of the slice's own or given, and it is to be read
    options   // [ encoder: 'handcrafted', tile_um: 100, ... ]
    files     // [ weights: path or [], reference: path or [] ]

    main:
    ch_found = ch_slices
        .join(ch_images)
        .join(ch_wanted)
        .branch { meta, slice, spots, image, matrix, wanted ->
            with_image: wanted
            return [meta, slice, spots, image, matrix]
            without: true
            return [meta, []]
        }
    ENCODE_HISTOLOGY(ch_found.with_image, options, files.weights, files.reference)

    emit:
    features = ENCODE_HISTOLOGY.out.features.mix(ch_found.without) // [ meta, path(features.npz) or [] ]
    records  = ENCODE_HISTOLOGY.out.record                         // [ meta, path(encode_histology.json) or [] ]  failed slices too
        .mix(ch_found.without)
}

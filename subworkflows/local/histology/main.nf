include { ENCODE_HISTOLOGY } from '../../../modules/local/encode_histology/main'
include { fileOrNone       } from '../parameters/main'

// Image features of every slice that has an image, where something reads them; the others go on without.
workflow HISTOLOGY {
    take:
    ch_slices // [ meta, path(slice.h5ad), path(spots.csv.gz) ]
    ch_images // [ meta, path(image) or [], path(matrix) or [] ]  files of the samplesheet
    ch_facts  // [ meta, [ has_image: boolean, ... ] ]
    ch_run    // [ reads_image: boolean, encoder: 'handcrafted', tile_um: 100, ... ]
    names     // [ encoder_weights: text or null, stain_reference: text or null ]

    main:
    ch_found = ch_slices
        .join(ch_images)
        .join(ch_facts)
        .combine(ch_run)
        .branch { meta, slice, spots, image, matrix, facts, run ->
            with_image: facts.has_image && run.reads_image
            return [meta, slice, spots, image, matrix]
            without: true
            return [meta, []]
        }
    ENCODE_HISTOLOGY(
        ch_found.with_image,
        ch_run.map { run -> run.subMap('encoder', 'tile_um', 'context_rings', 'stain_method') },
        fileOrNone('encoder_weights', names.encoder_weights),
        fileOrNone('stain_reference', names.stain_reference),
    )
    // A slice whose image fails goes on by its genes, and so does one whose task was lost (remainder, when all others have ended)
    ch_encoded = ch_found.with_image
        .map { meta, _slice, _spots, _image, _matrix -> [meta, []] }
        .join(ENCODE_HISTOLOGY.out.features.map { meta, features, record -> [meta, [features: features ? features[0] : [], record: record]] }, remainder: true)
        .map { meta, _input, found -> [meta, found ?: [features: [], record: []]] }

    emit:
    features = ch_encoded.map { meta, found -> [meta, found.features] }.mix(ch_found.without)                          // [ meta, path(features.npz) or [] ]
    files    = ch_encoded.map { meta, found -> [meta, [found.features, found.record].flatten()] }.mix(ch_found.without) // [ meta, [path] ]  may be empty
    records  = ENCODE_HISTOLOGY.out.features.map { meta, _features, record -> [meta, record] }                         // [ meta, path(encode_histology.json) ]
}

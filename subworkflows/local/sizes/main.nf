// MB beyond what a task takes of itself: the weights of a network twice while they are read, and a batch of tiles
// (UNI2: 6 GB in all); the features of all spots, 4 bytes each, of each ring. Networks that are not named: 8 GB.
// spots: MB of their table.
def encoderMegabytes(Map options, spots) {
    def gigabytes = [handcrafted: 2, colour: 2, phikon: 4, uni: 6, 'phikon-v2': 6, virchow2: 12, uni2: 12, 'h-optimus-0': 20, gigapath: 20]
    def features  = isNetwork(options.encoder) ? (options.encoder == 'virchow2' ? 2560 : 1536) : 100
    return 1024 * (gigabytes[options.encoder.toString()] ?: 8) - 400 + 0.5 * features * tilesPerSpot(options) * spots
}

// How many times as long as features made by hand; a network looks at some tiles a second on a core.
def encoderRuns(Map options, device) {
    return tilesPerSpot(options) * (isNetwork(options.encoder) && device != 'cuda' ? 80 : 1)
}

def isNetwork(encoder) {
    return !(encoder.toString() in ['handcrafted', 'colour'])
}

def tilesPerSpot(Map options) {
    return 1 + (options.context_rings ?: 0)
}

// Hundreds of epochs in the settings of a method: those of all its parts together.
def hundredEpochs(Map settings) {
    return (epochsIn(settings) ?: 100) / 100
}

def epochsIn(settings) {
    return settings instanceof Map
        ? settings.collect { name, value -> name.toString().endsWith('epochs') && value instanceof Number ? value : epochsIn(value) }.sum(0)
        : 0
}

// MB of an image that is not stored in tiles, which is decoded whole: 3 bytes a pixel of at most 400 megapixels.
// image: MB of its file.
def decodedMegabytes(image) {
    return [40 * image, 1500].min()
}

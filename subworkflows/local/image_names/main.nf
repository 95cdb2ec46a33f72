// Names of all images, each once: `workflow.container` is one name, or names by selector.
def imageNames(given) {
    def names = given instanceof Map ? given.values() : [given]
    return names.findAll().collect { name -> name.toString() }.unique().toSorted()
}

// What asks a container engine about an image, as its profile calls it; null under sudo, whose question for a password
// would wait for ever.
def inspectCommand(String engine, String name) {
    def settings = (nextflow.Global.config ?: [:])[engine] ?: [:]
    return settings.sudo ? null : [engine] + (settings.engineOptions ?: '').toString().tokenize() + ['image', 'inspect', name]
}

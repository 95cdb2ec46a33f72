include { answerOf       } from '../commands/main'
include { imageNames     } from '../image_names/main'
include { inspectCommand } from '../image_names/main'

// The images that tasks run in, looked for before any task starts.

// Names under localhost/ belong to no registry, so that nobody can publish something in their place. The engine would
// try to pull them all the same, and fail once for each task; one line says instead how to come by them.
def requireImages() {
    requireImagesOf(workflow.containerEngine, workflow.container, executorOf(nextflow.Global.config ?: [:]))
}

// engine: null where tasks run in no container; given: one name, or names by selector.
def requireImagesOf(String engine, given, String executor) {
    def names = ownImages(given)
    if (!engine || !names) {
        return
    }
    if (engine in ['docker', 'podman']) {
        if (executor in ['awsbatch', 'google-batch', 'azurebatch', 'k8s']) {
            error("${quoted(names)}: no registry has ${names.size() > 1 ? 'them' : 'it'}, so that nodes of ${executor} cannot - expected process.container to name the image in a registry that they reach; docs/deployment.md says how to push it")
        }
        // (nodes of a cluster may have what this machine has not)
        if (executor == 'local') {
            def missing = names.findAll { name -> !isHere(engine, name) }
            if (missing) {
                error("${quoted(missing)}: not on this machine - expected ${missing.size() > 1 ? 'images' : 'an image'} built with `make ${missing.collect { name -> targetOf(name) }.join(' ')}` in ${projectDir}, or another name in process.container")
            }
        }
    }
    else if (engine in ['singularity', 'apptainer']) {
        error("${quoted(names)}: ${engine} cannot pull what no registry has - expected process.container to name the image's file; docs/deployment.md says how to make it")
    }
}

// Of these the ones that only a build on this machine can give.
def ownImages(given) {
    return imageNames(given).findAll { name -> name.startsWith('localhost/') }
}

// Name of the executor of all tasks; empty where it depends on the task.
def executorOf(Map config) {
    def name = config.process?.executor ?: config.executor?.name ?: System.getenv('NXF_EXECUTOR') ?: 'local'
    return name instanceof CharSequence ? name.toString() : ''
}

// Asks the container engine, not a registry. Stops the run where the engine itself is what is missing.
def isHere(String engine, String name) {
    def command = inspectCommand(engine, name)
    if (!command) {
        return true
    }
    def told = answerOf(command, 60)
    if (!told) {
        error("-profile ${engine}: no program ${engine} on the PATH - expected it to be installed, or a profile of another container engine")
    }
    def unknown = told.error =~ /(?i)no such (image|object)|image not known/
    if (told.code != 0 && !unknown) {
        error("-profile ${engine}: '${told.error.readLines().find() ?: 'no answer'}' - expected a ${engine} that answers `${command.join(' ')}`")
    }
    return told.code == 0
}

def targetOf(String name) {
    return name.endsWith('-cuda') ? 'image-cuda' : 'image'
}

def quoted(List names) {
    return "${names.size() > 1 ? 'images' : 'image'} ${names.collect { name -> "'${name}'" }.join(' and ')}"
}

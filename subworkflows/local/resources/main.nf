// What each process asks for, from the sizes of its inputs: known when a task is submitted, so that a slice of 200 spots and
// one of 500,000 cells both get what they need at the first attempt. docs/deployment.md has the peaks that these are
// fitted to; a site's withName and withLabel go before them. (Some engines compile this file, and what it includes, once
// for every module that includes it: what few of them need is in sizes/ and folders/.)
//
// megabytes and minutes: what a task takes of itself, then for each MB of the inputs that the module names, as the
// pipeline writes them. A canonical slice of 400,000 bins and 18,000 genes has 623 MB, its table of spots 4.
def needs() {
    return [
        VALIDATE_SAMPLESHEET: [megabytes: [self: 250], minutes: [self: 60]],
        // (matrix: compressed, as the platform wrote it)
        INGEST              : [megabytes: [self: 450, matrix: 20], minutes: [self: 30, matrix: 0.2, image: 0.1]],
        QC                  : [megabytes: [self: 190, slice: 4.3], minutes: [self: 30, slice: 0.1]],
        ENCODE_HISTOLOGY    : [megabytes: [self: 400], minutes: [self: 60, spots: 60]],
        ESTIMATE            : [megabytes: [self: 380, slice: 4, spots: 194], minutes: [self: 45, slice: 0.1, spots: 10]],
        BASELINE            : [megabytes: [self: 380, slice: 4, spots: 194], minutes: [self: 45, slice: 0.1, spots: 10]],
        POOL_NUMBERS        : [megabytes: [self: 200], minutes: [self: 30]],
        GRAPH               : [megabytes: [self: 180, slice: 4, spots: 266], minutes: [self: 30, slice: 0.1, spots: 5]],
        // (minutes of trainings: of one run of 100 epochs, five times what one core took)
        TRAIN               : [megabytes: [self: 850, arrays: 31, features: 4], minutes: [self: 60, arrays: 0.25]],
        CLUSTER             : [megabytes: [self: 420, arrays: 4], minutes: [self: 30, arrays: 0.1]],
        // (of a group: its largest section, as one is held at a time, and the spots of all)
        COHORT              : [megabytes: [self: 750, slice: 5, spots: 41], minutes: [self: 60, spots: 10]],
        MATCH               : [megabytes: [self: 250, domains: 20], minutes: [self: 30, domains: 5]],
        JOIN                : [megabytes: [self: 1200, slice: 5, spots: 276], minutes: [self: 60, spots: 30]],
        TEACH               : [megabytes: [self: 1200, slice: 8, spots: 154], minutes: [self: 60, spots: 30]],
        NAME_REGIONS        : [megabytes: [self: 950, slice: 4, spots: 922], minutes: [self: 30, spots: 15]],
        LEARN_EXPRESSION    : [megabytes: [self: 1200, slices: 9, features: 4], minutes: [self: 120, spots: 75]],
        INFER_EXPRESSION    : [megabytes: [self: 1400, slice: 4, features: 16], minutes: [self: 60, spots: 30]],
        ASSEMBLE            : [megabytes: [self: 480, parts: 3], minutes: [self: 30, parts: 0.1]],
        ASSEMBLE_COHORT     : [megabytes: [self: 400, section: 5, sections: 0.25], minutes: [self: 30, sections: 0.05]],
        COMPLETE            : [megabytes: [self: 250, found: 3], minutes: [self: 30, slice: 0.1]],
        COMPOSITION         : [megabytes: [self: 350, section: 0.2], minutes: [self: 30, sections: 0.01]],
        DIFFERENTIAL        : [megabytes: [self: 700, section: 2], minutes: [self: 120, sections: 0.05]],
        TRAJECTORY          : [megabytes: [self: 450, slice: 6], minutes: [self: 30, slice: 0.2]],
        INTERACTIONS        : [megabytes: [self: 350, slice: 6], minutes: [self: 60, slice: 0.3]],
        DENOISE             : [megabytes: [self: 1000, arrays: 31, slice: 8, features: 4], minutes: [self: 60, arrays: 0.5]],
        EXPLORE             : [megabytes: [self: 200, slice: 0.8], minutes: [self: 30, slice: 0.1]],
        MARKERS             : [megabytes: [self: 560, slice: 4], minutes: [self: 30, slice: 0.1]],
        SPATIAL_GENES       : [megabytes: [self: 400, slice: 4], minutes: [self: 30, slice: 0.1]],
        ENRICHMENT          : [megabytes: [self: 500, slice: 2], minutes: [self: 30, slice: 0.05]],
        EXPORT              : [megabytes: [self: 700, slice: 8], minutes: [self: 30, slice: 0.1]],
        SUMMARISE           : [megabytes: [self: 400], minutes: [self: 60]],
        MULTIQC             : [megabytes: [self: 400], minutes: [self: 60]],
    ]
}

// The libraries of a GPU, which lie in the memory of the machine, where one may be used.
def cudaMegabytes() {
    return 2300
}

// More once, where there was too little; a machine that was taken back several times is no reason for more.
def factor(task) {
    return [task.attempt, 2].min()
}

// Memory of one attempt. sizes: a closure that names the inputs, [ slice: path, spots: [path, path], more: megabytes ].
def memoryFor(task, Closure sizes) {
    return 1.MB * factor(task) * (isAlone(task) ? (megabytesOf(processOf(task), sizes.call()) + (task.ext?.device in ['cuda', 'auto'] ? cudaMegabytes() : 0)) : 4096)
}

// Time of one attempt; runs: how many the inputs are gone through for.
def timeFor(task, Closure sizes) {
    return 1.m * factor(task) * (isAlone(task) ? minutesOf(processOf(task), sizes.call()) : 120)
}

def megabytesOf(String name, Map sizes) {
    def need = needs()[name].megabytes
    return Math.ceil((need.self + ofInputs(need, sizes) + (sizes.more ?: 0)) as double) as long
}

def minutesOf(String name, Map sizes) {
    def need = needs()[name].minutes
    return Math.ceil((need.self + ofInputs(need, sizes) * (sizes.runs ?: 1)) as double) as long
}

// An array of a scheduler is submitted before its tasks have inputs and an index, and all of it asks for the same.
def isAlone(task) {
    return task.index ? true : false
}

def processOf(task) {
    return task.process.tokenize(':').last()
}

// (no input is called self)
def ofInputs(Map rates, Map sizes) {
    return rates.collect { name, rate -> rate * megabytesIn(sizes[name]) }.sum(0)
}

// Of a number of bytes, a file, or files; nothing where there is none.
def megabytesIn(given) {
    return [given].flatten().findAll().collect { each -> (each instanceof Number ? each : each.size()) / (1 << 20) }.sum(0)
}

def largest(files) {
    return [files].flatten().findAll().max { each -> each.size() } ?: []
}

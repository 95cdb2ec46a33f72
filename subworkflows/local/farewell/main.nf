// What a run says last, with a terminal and without one: how many slices passed, and where to look.

def sayFarewell(Map given) {
    def outdir = file(given.outdir.toString(), glob: false)
    workflow.onComplete {
        whatBroke().each { line -> log.error(line) }
        lastWords(outdir).each { line -> log.info(line) }
    }
}

// Why a file could not be published, of which the engine tells the name alone. What is told in our own words (error)
// has no name of an exception before it, and is on the screen already.
def whatBroke() {
    def cause = workflow.success ? '' : "${workflow.errorMessage ?: ''}".readLines().find { line -> line.trim() } ?: ''
    return cause =~ /^[\w.]+(Exception|Error): / ? ["The run is not complete: ${cause.replaceFirst(/^[\w.]+: /, '')}"] : []
}

// Nothing of an earlier run: its table may still lie there where this one stopped before its own.
def lastWords(outdir) {
    def table = outdir.resolve('slices.csv')
    if (!isNew(table)) {
        return []
    }
    def statuses = table.splitCsv(header: true)*.status
    def counts   = ['passed', 'warned', 'failed'].collect { status -> "${statuses.count { found -> found == status }} ${status}" }
    def places   = [
        [name: 'Report', path: outdir.resolve('multiqc/multiqc_report.html')],
        [name: 'Table', path: table],
    ].findAll { place -> isNew(place.path) }
    def drawn = statuses.any { status -> status != 'failed' } ? ["Figures: ${outdir.resolve('slices').toUriString()}/<slice>/"] : []
    return ["Slices:  ${counts.join(', ')}"] + places.collect { place -> "${"${place.name}:".padRight(8)} ${place.path.toUriString()}" } + drawn
}

def isNew(path) {
    return path.exists() && path.lastModified() >= workflow.start.toInstant().toEpochMilli() - 1000
}

// What a run says last, with a terminal and without one: how many slices passed, and where to look.

def sayFarewell(Map given) {
    def outdir = file(given.outdir.toString(), glob: false)
    workflow.onComplete {
        lastWords(outdir).each { line -> log.info(line) }
    }
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

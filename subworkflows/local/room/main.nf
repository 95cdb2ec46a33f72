include { isLocal     } from '../folders/main'
include { matrixBytes } from '../folders/main'

// Room for what a run writes, before any task.

// Estimate of what a cohort needs, from the files that its tables and counts come from; histology images are read where they lie.
// Published are the counts again and their logarithms, figures and a report; every method works on uncompressed copies. Returns lines that stop the run.
def roomProblems(List rows, Map given) {
    def bytes  = rows.collect { row -> row.path ? sizeOf(row) : 0L }.sum() as long
    def needed = [
        [name: '--outdir', path: file(given.outdir.toString(), glob: false), bytes: 4 * bytes + rows.size() * 2_000_000L + 10_000_000L],
        [name: 'work directory', path: workflow.workDir, bytes: 6 * bytes + rows.size() * 5_000_000L],
    ].findAll { place -> isLocal(place.path) }
    return needed
        .groupBy { place -> java.nio.file.Files.getFileStore(place.path).toString() }
        .values()
        .collect { places -> roomProblem(places.collect { place -> "${place.name} '${place.path}'" }.join(' and '), places[0].path, places*.bytes.sum() as long) }
        .findAll()
}

// A tenth of the estimate is too little for any cohort; less than all of it may be.
def roomProblem(String names, path, long needed) {
    def free = java.nio.file.Files.getFileStore(path).usableSpace
    def line = "${names}: ${megabytes(free)} MB free where this cohort needs about ${megabytes(needed)} MB"
    if (free < needed.intdiv(10)) {
        return "${line} - expected another directory, or room made there"
    }
    if (free < needed) {
        log.warn("${line}: the run goes on, but may run out of room")
    }
    return null
}

def megabytes(long bytes) {
    return Math.round(bytes / 1e6 as double)
}

// Bytes of a file, or of the counts in a directory; 0 where it is not local.
def sizeOf(row) {
    if (!isLocal(row.path)) {
        return 0L
    }
    return (row.path.isDirectory() ? matrixBytes(row.path, row) : row.path.size()) as long
}

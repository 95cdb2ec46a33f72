// Directories that a platform wrote. (A file that two others include includes none itself: the newer parser of 25.10
// would take its functions for defined twice.)

// What tells that files in a directory changed. The engine compares the time of the directory, which a file that is
// written over leaves as it was (and which an object store does not have), so that -resume would go on with results of
// the old one. Empty for files.
def stateOf(path) {
    if (!path || !path.isDirectory()) {
        return ''
    }
    def found = filesBelow(path, 4).collect { each -> "${each.place} ${each.file.size()} ${each.file.lastModified()}".toString() }
    return found.toSorted().join('\n').md5()
}

// Files of a directory and of those below it, [ place: 'spatial/image.png', file: path ]. Links are followed: a core links
// slices from where the platform wrote them.
def filesBelow(path, int depth) {
    try {
        return filesOf(path, java.nio.file.Files.walk(path, depth, java.nio.file.FileVisitOption.FOLLOW_LINKS))
    }
    catch (java.io.UncheckedIOException _loop) {
        // (a link to a directory above it)
        def real = path.toRealPath()
        return filesOf(real, java.nio.file.Files.walk(real, depth))
    }
}

def filesOf(root, walked) {
    return walked.withCloseable { paths ->
        paths.filter { each -> each.isFile() }.map { each -> [place: root.relativize(each).toString(), file: each] }.toList()
    }
}

// Bytes of the counts that INGEST reads, as the platform wrote them, compressed: those of a file, or of the largest form of
// one matrix in a directory (10x writes each as h5, text and zarr). Of bins, those that the row asks for.
def matrixBytes(path, Map row) {
    if (!path || !path.isDirectory()) {
        return path ? compressedBytes(path.name, path.size()) : 0
    }
    def sizes = filesBelow(path, 8)
        .findAll { each -> isMatrix(each.place) && isAskedFor(each.place, row) }
        .groupBy { each -> formOf(each.place) }
        .collect { _form, found -> found.collect { each -> compressedBytes(each.place, each.file.size()) }.sum() }
    return sizes.max() ?: 0
}

def isMatrix(String name) {
    return name =~ /(?i)matrix|exprmat|cell_by_gene|expression|MappedDGE|\.gef$|\.h5ad$|^tables\// && !(name =~ /(^|\/)(raw_(feature|probe)|analysis\/)/)
}

// (8 um is the default of the readers)
def isAskedFor(String name, Map row) {
    def table = row.table?.toString()
    def bin   = name =~ /square_(\d+)um/
    def asked = table =~ /square_(\d+)um/
    def um    = asked ? asked[0][1] as int : (row.bin_um ?: 8) as int
    return name.startsWith('tables/') && table ? name.startsWith("tables/${table}/".toString()) : !bin || (bin[0][1] as int) == um
}

// One file, or what belongs together: the three of a MEX directory, the chunks of a table.
def formOf(String name) {
    return name.startsWith('tables/') || name.contains('.zarr/') ? name.tokenize('/').take(2).join('/') : name ==~ /.*_matrix\/[^\/]+/ ? name.replaceAll(/\/[^\/]+$/, '') : name
}

// (text is ten times as large as compressed; an h5ad may be either way)
def compressedBytes(String name, long bytes) {
    return name =~ /(?i)\.(csv|tsv|txt|mtx)$/ ? bytes.intdiv(10) : name =~ /(?i)\.h5ad$/ ? bytes.intdiv(2) : bytes
}

def isLocal(path) {
    return path.fileSystem == java.nio.file.FileSystems.default
}

include { filesBelow } from '../parameters/main'

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

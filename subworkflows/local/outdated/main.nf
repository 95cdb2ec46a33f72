// Results in outdir that an earlier run published and this one did not: of slices and groups that left the sheet or
// failed, and files that a slice no longer has. They move to OUTDIR/outdated (slices), outdated_cohort and
// outdated_models, so that nothing old looks current; nothing is deleted. published: [ 'slices/cortex_1', [file name] ];
// used: paths of models that the run reads, which stay where they are.
def setOutdatedAside(List published, String name, List used) {
    def outdir  = file(name, glob: false)
    def current = published.collectEntries { place, names -> [place, names] }.withDefault { _place -> [] }
    subfolders(outdir.resolve('slices')).each { folder ->
        // (a folder of a name that no slice can have is not ours)
        if (folder.name ==~ /[A-Za-z0-9_][A-Za-z0-9._-]*/) {
            setFolderAside(folder, current["slices/${folder.name}".toString()], outdir.resolve('outdated'))
        }
    }
    // (a folder without what a run publishes for a group is not ours)
    subfolders(outdir.resolve('cohort')).each { folder ->
        if (folder.resolve("${folder.name}.h5ad").exists()) {
            setFolderAside(folder, current["cohort/${folder.name}".toString()], outdir.resolve('outdated_cohort'))
        }
    }
    subfolders(outdir.resolve('models')).each { folder ->
        def expression = folder.resolve('expression')
        def shown      = current["models/${folder.name}/expression".toString()]
        def stays      = isModel(expression) && (shown || isSame(expression, used))
        if (isModel(folder) && !isSame(folder, used)) {
            setFolderAside(folder, current["models/${folder.name}".toString()], outdir.resolve('outdated_models'), stays ? modelFiles() : [])
        }
        if (isModel(expression) && !isSame(expression, used)) {
            setFolderAside(expression, shown, outdir.resolve('outdated_models').resolve(folder.name))
        }
    }
}

def modelFiles() {
    return ['model.json', 'model.safetensors']
}

def isModel(folder) {
    return modelFiles().every { part -> folder.resolve(part).exists() }
}

def isSame(folder, List paths) {
    return paths.any { path -> file(path, glob: false).normalize().toUriString() == folder.normalize().toUriString() }
}

// only: names of the files to move where others in the folder are of this run; [] for all.
def setFolderAside(folder, List current, outdated, List only = []) {
    def marker = folder.resolve('OUTDATED.txt')
    def whole  = !current && !only
    def old    = only && !current
        ? only.collect { name -> folder.resolve(name) }
        : current
        ? folder.listFiles().findAll { file -> (isResult(file.name, folder.name) || isOfGroup(file)) && !(file.name in current) }
        : [folder]
    try {
        if (current) {
            java.nio.file.Files.deleteIfExists(marker)
        }
        if (!old) {
            return
        }
        if (folder.fileSystem != java.nio.file.FileSystems.default) {
            marker.setText("Not of the last run: ${whole ? 'all files here' : old*.name.join(', ')}\n")
            log.warn("${folder.toUriString()}: results of an earlier run, see OUTDATED.txt there")
            return
        }
        def target = outdated.resolve(folder.name)
        if (whole) {
            target.deleteDir() // an older one of the same name
            outdated.mkdirs()
            move(folder, target)
        }
        else {
            target.mkdirs()
            old.each { file ->
                target.resolve(file.name).deleteDir() // of an earlier run; nothing where it is a file, which is replaced
                move(file, target.resolve(file.name))
            }
        }
        log.warn("${whole ? 'results of' : old*.name.join(', ') + ' of'} ${folder.name} are not of this run: moved to ${target}")
    }
    catch (Exception problem) { // (clients of object stores raise what is no IOException)
        log.warn("${folder.toUriString()}: results of an earlier run could not be moved (${problem}); they are not of this run")
    }
}

// What a run publishes for a slice; other files beside are the user's own.
def isResult(String name, String sample) {
    return name.startsWith("${sample}.") &&
        name.substring(sample.length() + 1) ==~ /((inferred|cellxgene)\.)?h5ad|html|spatialdata\.zarr|(loupe|xenium_explorer)\..+\.csv|(markers|domain_means|spatial_genes|trajectory|paga_edges|interactions|enrichment|denoised)\.csv|.+\.(png|svg)/
}

def isOfGroup(file) {
    return file.parent.parent.name == 'cohort' && file.name in ['composition.csv', 'composition_test.csv', 'differential.csv', 'sections.csv']
}

def move(source, target) {
    java.nio.file.Files.move(source, target, java.nio.file.StandardCopyOption.REPLACE_EXISTING)
}

def subfolders(folder) {
    return folder.isDirectory() ? folder.listFiles().findAll { file -> file.isDirectory() }.sort() : []
}

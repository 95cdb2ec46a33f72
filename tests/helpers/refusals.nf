// What is said of places and names that will not do, as JSON. --cases is a list of [ function, argument ]: claimOutdir is
// given a directory, to which the output directory is linked then, sheetFile a name; null where nothing is wrong. And
// codeDigest, given the root of a project, says its digest.
include { claimOutdir } from '../../subworkflows/local/outdir/main'
include { codeDigest  } from '../../subworkflows/local/read_samplesheet/main'
include { sheetFile   } from '../../subworkflows/local/read_samplesheet/main'

params.cases  = null
params.outdir = null

workflow {
    def said = new groovy.json.JsonSlurper().parse(file(params.cases)).collect { name, given -> saidOf(name, given) }
    println("SAID ${groovy.json.JsonOutput.toJson(said)}")
}

def saidOf(String name, String given) {
    try {
        if (name == 'claimOutdir') {
            def link = file(params.outdir)
            java.nio.file.Files.deleteIfExists(link)
            java.nio.file.Files.createSymbolicLink(link, file(given))
            claimOutdir([outdir: params.outdir])
        }
        else if (name == 'codeDigest') {
            return codeDigest(file(given))
        }
        else {
            sheetFile(given)
        }
        return null
    }
    catch (Exception problem) {
        return (problem.cause ?: problem).message // (of a function that is called by reflection)
    }
}

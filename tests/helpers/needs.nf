// What processes ask for, as JSON: --asked is a list of [ process, [ slice: MB, ... ], task of an array?, attempt ].
include { decodedMegabytes } from '../../subworkflows/local/resources/main'
include { largest     } from '../../subworkflows/local/resources/main'
include { memoryFor   } from '../../subworkflows/local/resources/main'
include { matrixBytes } from '../../subworkflows/local/resources/main'
include { needs       } from '../../subworkflows/local/resources/main'
include { timeFor     } from '../../subworkflows/local/resources/main'

params.asked  = null
params.matrix = null

workflow {
    def asked = new groovy.json.JsonSlurper().parse(file(params.asked)).collect { name, sizes, in_array, attempt, device ->
        def task  = [process: "DOMAINS:${name}".toString(), index: in_array ? null : 1, attempt: attempt, ext: [device: device]]
        def bytes = sizes.collectEntries { key, value -> [key, key in ['runs', 'more'] ? value : value instanceof List ? value*.multiply(1 << 20) : value * (1 << 20)] }
        [memoryFor(task) { bytes }.toMega(), timeFor(task) { bytes }.toMinutes()]
    }
    println("NEEDS ${groovy.json.JsonOutput.toJson([asked: asked, names: needs().keySet(), matrix: matrixBytes(file(params.matrix)), decoded: [10 << 20, 2000 << 20, []].collect { image -> decodedMegabytes(image) }, largest: largest([file(params.asked), file(params.matrix).resolve('small')]).name])}")
}

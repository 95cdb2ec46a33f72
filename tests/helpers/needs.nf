// What processes ask for, as JSON: --asked is a list of [ process, [ slice: MB, ... ], task of an array?, attempt, device ],
// --matrix one of [ path, [ bin_um: 16, table: name ] ].
include { decodedMegabytes } from '../../subworkflows/local/sizes/main'
include { encoderMegabytes } from '../../subworkflows/local/sizes/main'
include { encoderRuns      } from '../../subworkflows/local/sizes/main'
include { hundredEpochs    } from '../../subworkflows/local/sizes/main'
include { largest          } from '../../subworkflows/local/resources/main'
include { megabytesIn      } from '../../subworkflows/local/resources/main'
include { memoryFor        } from '../../subworkflows/local/resources/main'
include { matrixBytes      } from '../../subworkflows/local/folders/main'
include { needs            } from '../../subworkflows/local/resources/main'
include { timeFor          } from '../../subworkflows/local/resources/main'

params.asked  = null
params.matrix = null

workflow {
    def asked = new groovy.json.JsonSlurper().parse(file(params.asked)).collect { name, sizes, in_array, attempt, device ->
        def task  = [process: "DOMAINS:${name}".toString(), index: in_array ? null : 1, attempt: attempt, ext: [device: device]]
        def bytes = sizes.collectEntries { key, value -> [key, key in ['runs', 'more'] ? value : value instanceof List ? value*.multiply(1 << 20) : value * (1 << 20)] }
        [memoryFor(task) { bytes }.toMega(), timeFor(task) { bytes }.toMinutes()]
    }
    println("NEEDS ${groovy.json.JsonOutput.toJson([asked: asked, names: needs().keySet(), matrix: new groovy.json.JsonSlurper().parse(file(params.matrix)).collect { path, row -> matrixBytes(file(path), row) }, decoded: [10 << 20, 2000 << 20, []].collect { image -> decodedMegabytes(megabytesIn(image)) }, runs: [
        hundredEpochs([optimiser: [epochs: 40], fusion: [epochs: 50], losses: [dec_epochs: 500, mse: 1]]), hundredEpochs([:]),
        encoderRuns([encoder: 'uni2', context_rings: 1], null), encoderRuns([encoder: 'uni2', context_rings: 1], 'cuda'), encoderRuns([encoder: 'colour'], 'cpu'),
        encoderMegabytes([encoder: 'uni2', context_rings: 4], 4),
    ], largest: largest([file(params.asked), file(params.matrix).resolveSibling('small')]).name])}")
}

// What --help and --version ask for, before anything is read; the run ends well.
def answerQuestions(Map given) {
    if (isAsked(given.version)) {
        println("tissuegraph ${workflow.manifest.version}")
        System.exit(0)
    }
    if (isAsked(given.help)) {
        println(helpText())
        System.exit(0)
    }
}

// (--help NAME gives a text)
def isAsked(value) {
    return value && value.toString().toLowerCase() != 'false'
}

// Every parameter by group, as nextflow_schema.json describes it.
def helpText() {
    def schema = new groovy.json.JsonSlurper().parseText(file("${projectDir}/nextflow_schema.json").getText('UTF-8')) // (keeps the order)
    def groups = schema['$defs'].values().collect { group ->
        def lines = group.properties.collect { name, rules ->
            def fallback = rules.containsKey('default') ? " [default: ${rules.default}]" : ''
            "  --${name.padRight(18)} ${rules.description}${fallback}"
        }
        "${group.title}\n${lines.join('\n')}"
    }
    return "Usage: nextflow run . -profile docker --input samplesheet.csv --outdir results\n\n${groups.join('\n\n')}\n\nPipeline documentation: docs/usage.md"
}

// Parameters as the engine has them, before a task checks them against nextflow_schema.json.

// An option without a value arrives as true, which is no text and no file: one line each, before anything reads them.
def requireValues(Map given) {
    def schema   = new groovy.json.JsonSlurper().parseText(file("${projectDir}/nextflow_schema.json").getText('UTF-8')) // (keeps the order)
    def problems = schema['$defs'].values()
        .collectMany { group -> group.properties.entrySet().toList() }
        .findAll { entry -> entry.value.type == 'string' && given[entry.key] instanceof Boolean }
        .collect { entry -> "parameter --${entry.key} has no value - ${entry.value.errorMessage ?: 'expected ' + (entry.value.enum ? entry.value.enum.join(', ') : 'a text')}" }
    if (problems) {
        error(problems.join('\n'))
    }
}

// The file or directory that a parameter names; [] where it names none.
def fileOrNone(String parameter, name) {
    if (!name) {
        return []
    }
    def found = file(name.toString(), glob: false)
    if (!found.exists()) {
        error("--${parameter}: '${name}' - expected an existing file or directory")
    }
    return found
}

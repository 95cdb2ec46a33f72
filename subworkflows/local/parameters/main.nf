// Parameters as the engine has them, before a task checks them against nextflow_schema.json.

// An option without a value arrives as true, which is no text and no file: one line each, before anything reads them.
def requireValues(Map given) {
    def schema   = new groovy.json.JsonSlurper().parseText(file("${projectDir}/nextflow_schema.json").getText('UTF-8')) // (keeps the order)
    def rules    = schema['$defs'].values().collectMany { group -> group.properties.collect { name, found -> [name: name] + found } }
    def problems = rules
        .findAll { rule -> rule.type == 'string' && given[rule.name] instanceof Boolean }
        .collect { rule -> "parameter --${rule.name} has no value - ${expectation(rule)}" }
    if (problems) {
        error(problems.join('\n'))
    }
}

def expectation(Map rule) {
    return rule.errorMessage ?: "expected ${rule['enum'] ? rule['enum'].join(', ') : 'a text'}"
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
    if (isPattern(found)) {
        error("--${parameter}: '${found}' - ${withoutPattern()}")
    }
    return found
}

// What tells that files in a directory changed. The engine compares the time of the directory, which a file that is
// written over leaves as it was, so that -resume would go on with results of the old one. Empty for files.
def stateOf(path) {
    if (!path || path.toUri().scheme != 'file' || !path.isDirectory()) {
        return ''
    }
    def found = java.nio.file.Files.walk(path, 4).withCloseable { paths ->
        paths.filter { each -> each.isFile() }.map { each -> "${path.relativize(each)} ${each.size()} ${each.lastModified()}".toString() }.toList()
    }
    return found.toSorted().join('\n').md5()
}

// The engine stages such a path unquoted, so that the shell takes s[1].csv for s1.csv where there is one.
def isPattern(path) {
    return path.toString() =~ /[*?\[\]{}]/ ? true : false
}

def withoutPattern() {
    return 'expected a path without * ? [ ] { }, which are patterns to the engine; rename it, or link to it'
}

// Parameters as the engine has them, before a task checks them against nextflow_schema.json.

// An option without a value arrives as true (as text from some engines), which is no text and no file: one line each,
// before anything reads them.
def requireValues(Map given) {
    def schema   = new groovy.json.JsonSlurper().parseText(file("${projectDir}/nextflow_schema.json").getText('UTF-8')) // (keeps the order)
    def rules    = schema['$defs'].values().collectMany { group -> group.properties.collect { name, found -> [name: name] + found } }
    def problems = rules
        .findAll { rule -> rule.type == 'string' && given[rule.name].toString() == 'true' }
        .collect { rule -> "parameter --${rule.name} has no value - ${expectation(rule)}" }
    if (problems) {
        error(problems.join('\n'))
    }
}

def expectation(Map rule) {
    return rule.errorMessage ?: "expected ${rule['enum'] ? rule['enum'].join(', ') : 'a text'}"
}

// Numbers and flags as text: some engines hand over those of the command line as numbers and flags, others as text.
// Tasks are told the same by all, so that `--seed 0` is the default 0 to -resume; types come with the check.
def asText(Map given) {
    return given
        .collectEntries { name, value -> [name, value instanceof Number || value instanceof Boolean ? value.toString() : value] }
        .collectEntries { name, value -> [name, value ==~ /(?i)true|false/ ? value.toLowerCase() : value] }
        .sort()
}

// A published entry, [ meta, ... ], as the engine lists it when a run ends: `code` says nothing to a reader.
def withoutCode(List entry) {
    return [entry[0].findAll { name, _value -> name != 'code' }] + entry.drop(1)
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
        error("--${parameter}: '${found.toUriString()}' - ${withoutPattern()}")
    }
    return found
}

// The engine stages such a path unquoted, so that the shell takes s[1].csv for s1.csv where there is one.
def isPattern(path) {
    return path.toString() =~ /[*?\[\]{}]/ ? true : false
}

def withoutPattern() {
    return 'expected a path without * ? [ ] { }, which are patterns to the engine; rename it, or link to it'
}

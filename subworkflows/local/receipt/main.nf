include { answerOf       } from '../commands/main'
include { imageNames     } from '../image_names/main'
include { inspectCommand } from '../image_names/main'
include { readJson       } from '../read_json/main'

// What made the results of a run: facts that only the engine knows. A task writes them down with all others, so that
// nothing stands here that differs between two equal runs: a resumed run would write its report again.
def makings(Map run, Map given) {
    def agreement = file("${projectDir}/assets/agreement.json")
    return [
        pipeline : [
            name       : workflow.manifest.name,
            version    : workflow.manifest.version,
            repository : workflow.repository,
            revision   : workflow.revision,
            commit     : workflow.commitId,
            checkout   : checkout(projectDir),
            code_sha256: codeSha256(projectDir),
            lock_sha256: sha256([file("${projectDir}/containers/requirements.lock")]),
        ],
        engine   : [
            version         : workflow.nextflow.version.toString(),
            profile         : workflow.profile,
            container_engine: workflow.containerEngine,
            images          : workflow.containerEngine ? images() : [],
        ],
        models   : ['region_model', 'reference_model'].findAll { name -> run[name] }.collectEntries { name -> [name, modelFacts(run[name].toString())] },
        files    : [input: [name: given.input.toString(), sha256: sha256([file(given.input.toString(), glob: false)])]],
        agreement: agreement.exists() ? readJson(agreement) : null,
    ]
}

// The receipt beside the results when the run has ended, with what only then is known: when, how long, how it ended.
def sealReceipt(receipt, Map given) {
    def told  = new groovy.json.JsonSlurper().parseText(receipt.getText('UTF-8')) // (keeps the order)
    def place = file(given.outdir.toString(), glob: false).resolve('pipeline_info/receipt.json')
    workflow.onComplete {
        def sealed = told + [
            run: [
                name       : workflow.runName,
                session    : workflow.sessionId.toString(),
                command    : withoutSecrets(workflow.commandLine.toString()),
                resumed    : workflow.resume ? true : false,
                stub       : workflow.stubRun,
                launched_in: workflow.launchDir.toUriString(),
                work       : workflow.workDir.toUriString(),
                started    : workflow.start.toString(),
                ended      : workflow.complete.toString(),
                seconds    : workflow.duration.toMillis().intdiv(1000),
                succeeded  : workflow.success,
            ]
        ]
        place.setText("${groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(sealed))}\n", 'UTF-8')
    }
}

// An address without its query, which may be a signature, and without user and password; no value of a token or key.
def withoutSecrets(String command) {
    return command
        .replaceAll(/(?i)([a-z][a-z0-9+.-]*:\/\/[^\s?#'"]*)[?#][^\s'"]*/, '$1')
        .replaceAll(/(?i)([a-z][a-z0-9+.-]*:\/\/)[^\s\/]*@/, '$1')
        .replaceAll(/(?i)(--?\S*(?:token|secret|passw|credential|api_?key|access_?key)[^\s=]*[ =])('[^']*'|"[^"]*"|\S+)/, '$1(left out)')
}

// The state of a checkout by its own git: [ commit: '1f0c...', changed: true ]; null for a copy without one.
def checkout(root) {
    if (!root.resolve('.git').exists()) {
        return null
    }
    def commit = said(['git', '-C', root.toString(), 'rev-parse', 'HEAD'])
    def status = said(['git', '-C', root.toString(), '-c', 'core.fsmonitor=false', 'status', '--porcelain', '--untracked-files=no'])
    return commit ? [commit: commit, changed: status == null ? null : !status.isEmpty()] : null
}

// All that a run executes; a file of the report's looks or of an earlier agreement changes no result.
def codeSha256(root) {
    def named = ['main.nf', 'nextflow.config', 'nextflow_schema.json', 'assets/schema_input.json'].collect { name -> file("${root}/${name}") }
    // (one pattern for all would be looked for from the root down, in environments and results too)
    def found = ['bin', 'conf', 'modules', 'subworkflows', 'assets/presets'].collectMany { folder -> files("${root}/${folder}/**") }
    return sha256((named + found.findAll { path -> !path.toString().contains('__pycache__') }).sort(), root)
}

// Over the content of one file as sha256sum has it, or over names and contents of files below a directory.
def sha256(List paths, root = null) {
    def digest = java.security.MessageDigest.getInstance('SHA-256')
    paths.each { path ->
        if (root) {
            digest.update("${root.relativize(path)}\n".toString().getBytes('UTF-8'))
        }
        digest.update(path.bytes)
    }
    return digest.digest().encodeHex().toString()
}

// What a model says about itself: its checksum covers both of its files.
def modelFacts(String name) {
    return [name: name, checksum: readJson(file(name, glob: false).resolve('model.json')).checksum]
}

// The images of the run with their digests, where the program that runs them is on this machine and has them.
def images() {
    return imageNames(workflow.container).collect { image ->
        def known = image.contains('@sha256:') ? image : imageDigest(image)
        [image: image, digest: known ? known.tokenize('@').last() : null]
    }
}

// Of the registry where the image came from one, else of the image as it was built here.
def imageDigest(String image) {
    def command = workflow.containerEngine in ['docker', 'podman'] ? inspectCommand(workflow.containerEngine, image) : null
    def told = command ? said(command) : null
    def known = told ? new groovy.json.JsonSlurper().parseText(told)[0] : [:]
    return known.RepoDigests ? known.RepoDigests[0] : known.Id
}

// What a program prints; null where it is not there, fails or takes longer than 10 seconds.
def said(List command) {
    def told = answerOf(command, 10, [GIT_OPTIONAL_LOCKS: '0'])
    return told?.code == 0 ? told.said.trim() : null
}

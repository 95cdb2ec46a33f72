include { isLocal } from '../folders/main'

// The directories that a run writes to: that it can, and that no other run does.

// Before any task, so that a night's work is not computed for nothing.
def claimOutdir(Map given) {
    if (!given.outdir) {
        error("--outdir: no directory given - expected where results go, e.g. --outdir results")
    }
    def outdir = file(given.outdir.toString(), glob: false)
    if (workflow.outputDir.normalize().toUriString() != outdir.normalize().toUriString()) {
        error("-output-dir: '${workflow.outputDir.toUriString()}' - expected --outdir alone (here '${outdir.toUriString()}'), which also says where the report and the records of the run go")
    }
    probe('--outdir', outdir)
    // (folders of an earlier run may belong to someone else, or a file may lie in their place)
    ['slices', 'cohort', 'models', 'multiqc', 'pipeline_info', 'outdated', 'outdated_cohort', 'outdated_models'].collect { name -> outdir.resolve(name) }
        .findAll { folder -> folder.exists() }
        .each { folder -> probe('--outdir', folder) }
    probe('work directory', workflow.workDir)
    if (isLocal(outdir)) {
        lock(outdir)
    }
}

def probe(String name, dir) {
    def fault = faultOf(dir)
    if (fault) {
        error("${name}: '${dir.toUriString()}' ${fault}")
    }
}

// Why this run cannot write to a directory, which is made where there is none; null where it can.
def faultOf(dir) {
    def trial = dir.resolve(".probe-${workflow.runName}".toString())
    try {
        if (dir.exists() && !dir.isDirectory()) {
            return 'is a file - expected a directory'
        }
        if (!dir.exists()) {
            java.nio.file.Files.createDirectories(dir)
        }
        java.nio.file.Files.write(trial, 'x'.getBytes('UTF-8'))
        java.nio.file.Files.delete(trial)
        return null
    }
    catch (Exception problem) { // (clients of object stores raise what is no IOException)
        return "cannot be written (${reasonOf(problem)}) - expected a directory where this run may write"
    }
}

def reasonOf(Exception problem) {
    def given = problem instanceof java.nio.file.FileSystemException ? problem.reason : problem.message
    return given ? given.readLines()[0] : problem.class.simpleName - 'Exception'
}

// One run per outdir: two would replace each other's files. The lock goes when this program ends, however it does;
// what a killed one left is recognised by its process being gone.
def lock(outdir) {
    def own  = [run: workflow.runName, host: hostName(), pid: ProcessHandle.current().pid(), started: startOf(ProcessHandle.current())]
    def path = outdir.resolve('pipeline_info/.running')
    java.nio.file.Files.createDirectories(path.parent)
    if (!create(path, own)) {
        def other = holder(path)
        if (!isGone(other)) {
            refuse(path, other)
        }
        log.info("The run ${other.run} before this one was killed; this one takes over ${outdir}")
        java.nio.file.Files.deleteIfExists(path)
        if (!create(path, own)) {
            refuse(path, holder(path))
        }
    }
    Runtime.runtime.addShutdownHook(new Thread({ release(path, own) } as Runnable))
}

def create(path, Map own) {
    try {
        java.nio.file.Files.write(path, groovy.json.JsonOutput.toJson(own).getBytes('UTF-8'), java.nio.file.StandardOpenOption.CREATE_NEW, java.nio.file.StandardOpenOption.WRITE)
        return true
    }
    catch (java.nio.file.FileAlreadyExistsException _taken) {
        return false
    }
}

def release(path, Map own) {
    if (holder(path) == own) {
        java.nio.file.Files.deleteIfExists(path)
    }
}

// What a lock says; an empty map where it cannot be read (removed or being written at this moment).
def holder(path) {
    try {
        return new groovy.json.JsonSlurperClassic().parseText(path.getText('UTF-8')) as Map
    }
    catch (Exception _unreadable) {
        return [:]
    }
}

// Another process may have got the number since: then it started at another time.
def isGone(Map other) {
    if (other.host != hostName()) {
        return false
    }
    def process = ProcessHandle.of(other.pid as long)
    return process.isEmpty() || Math.abs(startOf(process.get()) - (other.started as long)) > 10_000
}

def startOf(process) {
    return process.info().startInstant().map { instant -> instant.toEpochMilli() }.orElse(0L) as long
}

def refuse(path, Map other) {
    error("--outdir: '${path.parent.parent}' is in use by the run ${other.run ?: 'of an unknown name'} on ${other.host ?: 'an unknown machine'} (process ${other.pid ?: 'unknown'}) - expected another --outdir; if that run is gone, remove ${path}")
}

def hostName() {
    try {
        return InetAddress.localHost.hostName
    }
    catch (UnknownHostException _unnamed) {
        return System.getenv('HOSTNAME') ?: 'localhost'
    }
}

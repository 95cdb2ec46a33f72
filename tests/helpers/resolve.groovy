// What the engine makes of the configuration for every process, as JSON, a list: the settings of its first attempt.
// Arguments: project, [[profiles, parameters], ...] as JSON, configuration of a site, executor, [[name, label], ...] as JSON.

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import nextflow.cli.CliOptions
import nextflow.cli.CmdRun
import nextflow.NF
import nextflow.config.ConfigBuilder
import nextflow.script.BodyDef
import nextflow.script.ProcessConfig
import nextflow.script.ScriptBinding
import nextflow.script.BaseScript

abstract class NoScript extends BaseScript { }

def (project, runs, site, executor, processes) = args
def json = new JsonSlurper()
NF.init()
def owner = new NoScript() { Object runScript() { return null } }
println(JsonOutput.toJson(json.parseText(runs).collect { profiles, given ->
    def config = new ConfigBuilder()
        .setOptions(new CliOptions(userConfig: [site]))
        .setBaseDir(java.nio.file.Path.of(project))
        .setCmdRun(new CmdRun(profile: profiles, params: given))
        .build()
    def found = json.parseText(processes).collectEntries { name, label ->
        def process = new ProcessConfig(owner, name)
        process.label(label)
        process.applyConfig(config.process, name, name, name)
        def task = process.createTaskConfig()
        task.executor = executor
        task.attempt  = 1
        task.context  = [task: task, params: config.params, workflow: [containerEngine: 'docker']]
        return [name, [
            queue: task.queue, executor: task.executor, cpus: task.cpus,
            accelerator: task.accelerator?.request, accelerator_type: task.accelerator?.type, device: task.ext.device,
            containerOptions: task.get('containerOptions')?.toString(), clusterOptions: task.get('clusterOptions')?.toString(),
            container: task.container?.toString(), maxRetries: task.maxRetries,
        ]]
    }
    return [process: found, aws: config.aws, docker: config.docker]
}))

include { CONCLUDE         } from '../../../modules/local/conclude/main'
include { MULTIQC          } from '../../../modules/local/multiqc/main'
include { SUMMARISE        } from '../../../modules/local/summarise/main'
include { fileOrNone       } from '../parameters/main'
include { makings          } from '../receipt/main'
include { readJson         } from '../read_json/main'
include { sealReceipt      } from '../receipt/main'
include { setOutdatedAside } from '../outdated/main'

// One table and one page for the whole cohort, and how the run ends.
workflow REPORT {
    take:
    ch_records   // [ meta, path(json) ]  of every step and slice, failed ones too
    ch_run       // [ methods: [[ name: 'stmfg', ... ]], ... ]
    rows         // path(rows.json)
    given        // [ outdir: 'results', multiqc_title: null, ... ]  parameters as the engine has them
    ch_published // [ meta, path(h5ad), [path(png), path(svg)] ]  what goes to outdir, pages, inferred expression and files for other tools too
    ch_cohorts   // [ [ group_id: 'a' ], path(h5ad), [path(png), path(svg)] ]  as published
    ch_models    // [ [ id: 'group:a' or 'group:a/expression' ], path(model) ]  as published

    main:
    // A slice that cannot be used leaves the run, the others go on
    ch_records.subscribe { meta, record -> failures(record).each { line -> log.warn("${meta.id}, ${line}") } }

    // Tasks that died without a record, once all others have ended: their slices are told apart from finished ones
    ch_sorted = ch_records
        .toSortedList { one, other -> "${one[0].id}/${one[1].name}" <=> "${other[0].id}/${other[1].name}" }
        .map { pairs -> [pairs.collect { _meta, record -> record }] }
        .combine(ch_run)
        .map { records, run -> [records, lostTasks(), run] }
        .first()
    // As soon as the run may start: what is there then is what it executes, and a run that is told to stop asks nothing more
    ch_made = ch_run.map { run -> makings(run, given) }
    SUMMARISE(
        ch_sorted.map { records, _lost, _run -> records },
        rows,
        ch_sorted.combine(ch_made).map { _records, lost, run, made -> groovy.json.JsonOutput.toJson([lost: lost, run: run.findAll { name, _value -> !(name in ['params', 'places']) }, params: run.params, made: made]) }.first(),
    )
    SUMMARISE.out.receipt.subscribe { receipt -> sealReceipt(receipt, given) }
    ch_verdict = SUMMARISE.out.verdict.map { verdict -> readJson(verdict) } // [ n_finished: 7, n_failed: 1, sentence: '...' ]
    ch_verdict.subscribe { verdict ->
        verdict.n_failed ? log.warn(verdict.sentence) : log.info(verdict.sentence)
    }

    // What an earlier run left in outdir and this one did not make again
    ch_published
        .map { meta, h5ad, figures -> ["slices/${meta.id}".toString(), [h5ad, figures].flatten()*.name] }
        .mix(ch_cohorts.map { meta, h5ad, figures -> ["cohort/${meta.group_id}".toString(), [h5ad, figures].flatten()*.name] })
        .mix(ch_models.map { meta, _model -> ["models/${meta.id - 'group:'}".toString(), ['model.json', 'model.safetensors']] })
        .groupTuple()
        .map { place, names -> [place, names.flatten()] }
        .toList()
        .map { published -> [published] }
        .combine(SUMMARISE.out.verdict)
        .subscribe { published, _verdict -> setOutdatedAside(published, given.outdir.toString(), [given.region_model, given.reference_model].findAll()*.toString()) }

    def config = fileOrNone('multiqc_config', given.multiqc_config) ?: file("${projectDir}/assets/multiqc_config.yml")
    // train: {torch: 2.9.0, ...}; MultiQC shows one row per process and program. (Not collectFile, which sorts on disk:
    // it would go on with a run that was refused)
    ch_versions = channel.topic('versions')
        .map { process, lines -> "${process.tokenize(':').last()}:\n${lines.trim().indent(4)}" }
        .unique()
        .toSortedList()
        .map { entries -> [entries.join('\n')] }
        .combine(ch_run)
        .map { text, _run -> fileOf(text, 'software_mqc_versions.yml') }
        .first()
    MULTIQC(SUMMARISE.out.content.concat(ch_versions).collect(), config, given.multiqc_title ?: '')

    // The last task of a run that must not end well. It waits for the report, made or not.
    ch_error = ch_verdict
        .combine(ch_run)
        .combine(MULTIQC.out.report.ifEmpty([]).map { _report -> true })
        .filter { verdict, run, _reported -> !verdict.n_finished || (verdict.n_failed && run.strict) }
        .map { verdict, _run, _reported -> verdict.sentence }
    CONCLUDE(ch_error)

    emit:
    table      = SUMMARISE.out.table                       // path(slices.csv)
    report     = MULTIQC.out.report                        // path(multiqc_report.html)
    provenance = SUMMARISE.out.parameters.mix(ch_versions) // path(params.json), path(software_mqc_versions.yml)
}

// Why a slice failed, as a step's record tells; nothing where it did not.
def failures(json) {
    def record = readJson(json)
    return record.status == 'failed' ? record.reasons.collect { reason -> "${record.step}: ${reason}" } : []
}

// A file of the work directory with this text; the one of an earlier run where it has the same, so that -resume finds it.
def fileOf(String text, String name) {
    def path = workflow.workDir.resolve("collected/${text.md5()}/${name}".toString())
    if (!path.exists()) {
        path.parent.mkdirs()
        path.setText("${text}\n".toString(), 'UTF-8')
    }
    return path
}

// What conf/base.config noted of tasks that failed for good: process, slice, attempt, exit status, last line written.
def lostTasks() {
    def folder = workflow.workDir.resolve('lost')
    return (folder.isDirectory() ? folder.listFiles() : [])
        .findAll { note -> note.name.endsWith('.json') }
        .sort { note -> note.name }
        .collect { note -> readJson(note) }
        .findAll { task -> task.time >= workflow.start.toInstant().toEpochMilli() }
        .collect { task -> task + [said: lastLine(file(task.workdir)), slices: slicesOf(file(task.workdir))] }
}

// The slices of a task that was told to do several (bin/several.py); its name has only the first.
def slicesOf(folder) {
    def script = folder.resolve('.command.sh')
    def line   = script.exists() ? script.getText('UTF-8').readLines().find { each -> each.trim().startsWith('[{"folder":') } : null
    return line ? new groovy.json.JsonSlurperClassic().parseText(line).collect { command -> command.folder.tokenize('/').last() } : []
}

// What a task wrote last: to its own error stream, else to that of the script around it.
def lastLine(folder) {
    return ['.command.err', '.command.log']
        .collect { name -> folder.resolve(name) }
        .findAll { path -> path.exists() }
        .collectMany { path -> path.getText('UTF-8').readLines().findAll { line -> line.trim() }.takeRight(1) }
        .find()
}

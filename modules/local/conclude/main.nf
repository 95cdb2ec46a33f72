// Ends the run with an error once everything is published that could be: a task that fails lets transfers finish.
process CONCLUDE {
    label 'process_single'
    executor 'local' // (no command: schedulers cannot run it, and each would warn that it goes here)

    input:
    val sentence

    exec:
    error(sentence)
}

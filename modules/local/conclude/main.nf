// Ends the run with an error once everything is published that could be: a task that fails lets transfers finish.
process CONCLUDE {
    label 'process_single'

    input:
    val sentence

    exec:
    error(sentence)
}

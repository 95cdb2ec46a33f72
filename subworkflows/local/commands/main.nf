// What a program of this machine answers: [ code: 0, said: '...', error: '...' ]; null where there is no such program or
// the run is told to stop. One that takes longer than so many seconds is ended.
def answerOf(List command, int seconds, Map environment = [:]) {
    def builder = new ProcessBuilder(command*.toString())
    builder.environment().putAll(environment)
    def said  = new StringBuilder()
    def error = new StringBuilder()
    try {
        def started = builder.start()
        // (read while it runs: one that says more than a pipe holds would wait for ever)
        def readers = [started.consumeProcessOutputStream(said), started.consumeProcessErrorStream(error)]
        if (!started.waitFor(seconds, java.util.concurrent.TimeUnit.SECONDS)) {
            started.destroyForcibly()
        }
        def code = started.waitFor()
        readers.each { reader -> reader.join(1000) }
        return [code: code, said: said.toString(), error: error.toString()]
    }
    catch (IOException _absent) {
        return null
    }
    catch (InterruptedException _stopped) {
        return null
    }
}

// Starts the bundled engine. `output {}` is a preview feature of 25.04 that later releases accept as it is and whose
// flag they refuse as a syntax error, so the flag is set here and never in a script or config of the pipeline.
// (.@ writes the field itself: its setter would print a warning on every run.)
nextflow.NextflowMeta.instance.preview.@output = true
nextflow.cli.Launcher.main(args)

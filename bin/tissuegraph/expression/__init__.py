"""From slices on disk to inferred expression on disk; the inference itself is tissuegraph.spahgc."""

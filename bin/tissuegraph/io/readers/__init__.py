"""One module per platform, see tissuegraph.io.platforms."""

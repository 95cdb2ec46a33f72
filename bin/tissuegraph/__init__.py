"""tissuegraph: tissue domains and image-inferred expression from spatial transcriptomics slices."""

__version__ = "0.1.0"

"""SpaHGC: expression inferred from H&E, with sequenced slices as references (arXiv 2603.22821).

Notation: N spots of a slice, F image features, G genes of a slice, M genes of the panel, R retrieved
reference spots, E edges, D latent dimensions.
"""

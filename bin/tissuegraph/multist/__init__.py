"""MultiST: domains from genes, coordinates and histology (arXiv 2601.13331)."""

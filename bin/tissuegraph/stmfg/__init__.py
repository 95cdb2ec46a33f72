"""stMFG: domains from genes and coordinates, with the image as a third view of ours (arXiv 2512.16188)."""

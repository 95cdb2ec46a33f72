"""The page to explore one slice in a browser: one file, made from the final h5ad alone."""

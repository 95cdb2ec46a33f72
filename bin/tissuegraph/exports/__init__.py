"""What the user opens in other tools, made of the final h5ad of a slice and of nothing else."""

"""Loss terms whose cost grows linearly with the number of spots."""

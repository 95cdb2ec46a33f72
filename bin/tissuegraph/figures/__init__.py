"""Pictures of one slice: domains and confidence on the tissue, quality maps, training curves."""

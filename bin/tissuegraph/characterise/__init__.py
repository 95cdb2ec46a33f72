"""From domains to biology: markers, spatial genes, gradients, interactions, groups of patients."""

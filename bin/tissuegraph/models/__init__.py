"""Neural networks: one torch module per method."""

"""Readers of what the platforms write, and of the canonical slice that they all become."""

"""Regions that annotated sections teach the other sections of their group."""

"""Samplesheet and parameters: read, typed and checked as a whole before any slice is touched."""

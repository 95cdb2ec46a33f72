"""What several tests and benchmarks share: tiny slices, generated tissue."""

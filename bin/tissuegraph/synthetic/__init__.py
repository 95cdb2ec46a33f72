"""Generated tissue with known truth: for tests, demonstrations and benchmarks."""

"""What several sections of one tissue share: components, numbers of domains, names, and a verdict on it."""

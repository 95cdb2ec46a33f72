"""The sections of one group as one analysis: shared components, shared domains, how far to trust them."""

"""One slice as arrays: quality control, features, neighbours, graphs, parts."""

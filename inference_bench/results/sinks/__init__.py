"""Writers of results for machines: one file each, found by its name."""

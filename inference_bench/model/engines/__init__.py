"""The engines that run weights: one file or folder each, found by its name."""

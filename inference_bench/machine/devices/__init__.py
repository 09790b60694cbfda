"""Kinds of device: one file each, found by its name."""

"""Renderers of results for people: one file each, found by its name."""

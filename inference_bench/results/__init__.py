"""Runs on disk: written while cases are measured, read back, queried."""

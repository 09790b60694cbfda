"""Runs on disk: written as they are measured, read back, queried."""

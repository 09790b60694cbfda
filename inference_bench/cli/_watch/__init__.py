"""The live view of ``watch``: snapshots of other processes as rows on a terminal or as plain text."""

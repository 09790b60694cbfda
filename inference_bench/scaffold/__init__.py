"""For plugin authors: new, verify, migrate."""

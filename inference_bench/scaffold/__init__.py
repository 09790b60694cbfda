"""For authors of plugins: new, verify, migrate."""

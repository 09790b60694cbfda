"""What the reports say, as data that each format renders."""

"""Accuracy tasks, their items, and how an item is scored."""

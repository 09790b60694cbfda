"""What a model's answers are judged by: tasks, their items, and how an item is scored."""

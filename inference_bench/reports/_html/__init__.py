"""The parts of an HTML page: its tables, its charts, its order, its script and its style."""

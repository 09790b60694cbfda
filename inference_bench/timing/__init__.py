"""Functions, snippets and commands timed without a model: in this process, or in fresh ones."""

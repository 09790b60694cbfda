"""Where a model's weights come from, and the cache that keeps them."""

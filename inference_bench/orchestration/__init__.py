"""A plan carried out: planning, workers, loading ahead, interleaving."""

"""What every engine shares: its interface, and a model that runs in one. The engines themselves are in ``engines``."""

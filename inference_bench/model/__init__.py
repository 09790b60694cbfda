"""The system under test: its contract, its weights, and the engines that run it."""

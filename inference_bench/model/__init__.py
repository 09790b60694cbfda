"""The system under test: its interface, its weights, and the engines that run it."""

"""The host and its devices: what they are, what they have left, what they do to a process."""

"""Servers behind an HTTP address: what they are sent, when, and what they answer. Knows no model and no benchmark."""

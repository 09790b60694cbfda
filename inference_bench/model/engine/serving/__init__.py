"""Concurrent requests to an engine that schedules them itself: its process, and the server in front of it."""

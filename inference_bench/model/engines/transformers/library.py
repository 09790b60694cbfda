"""transformers itself: imported when a model is loaded, and kept from the network and from code of others."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""Options of every reader of a folder."""


def import_transformers() -> ModuleType:
    """Import transformers, whose annotations are too partial for strict checking."""
    return import_module("transformers")

"""The command line: one file per command, found by its name; entry points of the group of this name add commands.

Results go to standard output, progress and warnings to standard error. Only the requested command is imported.
"""

from __future__ import annotations

from inference_bench.cli._command import Command
from inference_bench.cli._main import main

__all__ = ["Command", "main"]

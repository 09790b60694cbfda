"""The command line: one file a command, found by its name; entry points of the group of this name add to them.

Results go to standard output, progress and warnings to standard error. Only the command that was asked for is imported.
"""

from __future__ import annotations

from inference_bench.cli._command import Command
from inference_bench.cli._main import main

__all__ = ["Command", "main"]

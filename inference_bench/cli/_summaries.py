"""The summary of each command, for the first page of help."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from inference_bench.cli._command import command_names, load_command, plain_summary, summary_of

_FOLDER = Path(__file__).parent


def summaries() -> Iterator[tuple[str, str]]:
    """Yield the name and summary of each command, or what is broken about it."""
    for name in command_names():
        try:
            yield name, _written_in(_FOLDER / f"{name}.py") or summary_of(load_command(name))
        except Exception as error:  # a broken command must not hide the others
            yield name, f"broken: {error!r}"


def _written_in(path: Path) -> str:
    """Return the summary that a command's file holds; empty if it is not one of ours.

    The file is read and not imported: all commands together import most of the package.
    """
    if not path.is_file():
        return ""
    module = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and _is_command(node)]
    return plain_summary(ast.get_docstring(classes[0]) or "") if classes else ""


def _is_command(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Command" for base in node.bases)

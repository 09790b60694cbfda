"""``schema``: JSON Schemas of the files of a run, of a request, and of what commands print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inference_bench.cli._command import Command
from inference_bench.errors import UnknownNameError

if TYPE_CHECKING:
    import argparse


class SchemaCommand(Command):
    """Print the JSON Schema of a file of a run, of a request, or of what a command prints with --json.

    It is made of the types by which this version reads the file or writes the answer, so it is never older than they
    are. `run --json` and `report --json` have the schema of results.json, `run --gate --json` that of `compare`.
    """

    examples = (
        ("run.json", "how a run was measured"),
        ("results.json > results.schema.json", "its cases"),
        ("compare", "what `compare --json` prints, for a CI gate or a dashboard"),
        ("spec.toml > spec.schema.json", "the file of `run --spec`, for an editor that completes its keys"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the file."""
        parser.add_argument(
            "file",
            metavar="FILE|COMMAND",
            help="run.json, results.json, spec.toml; or ab, advise, ceilings, check, compare, env, list, noise, "
            "overlap, time, verify",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Print the schema."""
        print(json.dumps(schema_named(args.file), indent=2, ensure_ascii=False))
        return 0


def schema_named(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a file, or of a command's answer.

    Raises:
        UnknownNameError: there is no such file or answer.
    """
    from inference_bench.cli._answers import ANSWERS
    from inference_bench.cli._spec_schema import FILE, spec_schema
    from inference_bench.results.json_schema import FILES, schema_of_answer, schema_of_file

    if name == FILE:
        return spec_schema()
    if name in FILES:
        return schema_of_file(name)
    if name in ANSWERS:
        return schema_of_answer(name, ANSWERS[name])
    raise UnknownNameError("file or command", name, [*FILES, FILE, *ANSWERS])

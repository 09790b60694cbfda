"""``schema``: JSON Schemas of the files of a run, and of a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.errors import UnknownNameError

if TYPE_CHECKING:
    import argparse


class SchemaCommand(Command):
    """Print the JSON Schema of a file that a run writes, or of the request that it reads.

    It is made of the types and options by which this version reads the file, so it is never older than they are.
    `report --json` has the schema of results.json.
    """

    examples = (
        ("run.json", "how a run was measured"),
        ("results.json > results.schema.json", "its cases"),
        ("spec.toml > spec.schema.json", "the file of `run --spec`, for an editor that completes its keys"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the file."""
        parser.add_argument("file", metavar="FILE", help="run.json, results.json or spec.toml")

    def run(self, args: argparse.Namespace) -> int:
        """Print the schema."""
        from inference_bench.cli._spec_schema import FILE, spec_schema
        from inference_bench.results.json_schema import FILES, schema_of_file

        if args.file not in (*FILES, FILE):
            raise UnknownNameError("file", args.file, [*FILES, FILE])
        schema = spec_schema() if args.file == FILE else schema_of_file(args.file)
        print(json.dumps(schema, indent=2, ensure_ascii=False))
        return 0

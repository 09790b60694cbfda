"""``verify``: check every model against the standard layout and the contract."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.benchmark.discovery import KINDS
from inference_bench.cli import _values as values
from inference_bench.cli._columns import aligned
from inference_bench.cli._command import Command
from inference_bench.cli._outputs import PLAIN_FORMATS, add_output_options, outputs_of, write_plain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from inference_bench.scaffold.verification import Verification


class VerifyCommand(Command):
    """Check every model against the standard layout and the contract.

    Checks folders, files, classes, metadata, abilities and own benchmarks, plans the suite `full` for each model, and
    checks that no file imports a framework at the top level. Nothing is loaded or measured. Exits with 1 if there are
    findings; each names its fix.
    """

    examples = (
        ("", "the project's models"),
        ("--models-dir ./plugins", "also those of a folder"),
        ("--model ./weights", "a folder of weights, a .gguf file or a hub repository: can it be measured?"),
        ("--json", "for another program"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the folders and the format."""
        parser.add_argument(
            "--models-dir",
            metavar="DIR",
            action="append",
            type=Path,
            default=[],
            help="also look for models here",
        )
        parser.add_argument(
            "--model",
            metavar="NAME[,NAME]",
            type=values.names("model"),
            default=(),
            help="only these: names, folders of weights, .gguf files, or owner/name[@revision] of the hub",
        )
        add_output_options(parser, PLAIN_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Print the table, then each finding with its fix."""
        from inference_bench.scaffold.verification import verify_models

        outputs = outputs_of(args, PLAIN_FORMATS)
        found = verify_models(args.models_dir, args.model)
        write_plain({"models": [asdict(of) for of in found]}, lambda: _lines(found), outputs)
        return 1 if any(of.findings for of in found) else 0


def _lines(found: Sequence[Verification]) -> Iterator[str]:
    heads = ["MODEL", *(kind.upper() for kind in KINDS), "CASES", "FINDINGS"]
    yield from aligned([heads, *(_row(of) for of in found)])
    for of in found:
        for finding in of.findings:
            yield ""
            yield f"{of.model}: {finding.where}"
            yield f"  found: {finding.problem}"
            yield f"  fix:   {finding.fix}"


def _row(of: Verification) -> list[str]:
    own = [str(of.benchmarks.get(kind) or "-") for kind in KINDS]
    return [of.model, *own, str(of.cases or "-"), str(len(of.findings)) if of.findings else "none"]

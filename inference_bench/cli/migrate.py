"""``migrate``: copy a legacy layout into the standard one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._columns import aligned
from inference_bench.cli._command import Command, program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from inference_bench.scaffold.migration import Migration


class MigrateCommand(Command):
    """Copy a legacy layout of model benchmarks into the standard one.

    Finds models/<name>/benchmarks/*.py and src/**/models/<name>/benchmarks/{unit,integration,performance}/*.py, and
    copies them to models/<name>/benchmarks/<kind>/benchmark_<name>.py. Shows the plan; --apply carries it out.
    Nothing is overwritten or removed; a second run finds everything done. Exits with 1 if files are in conflict.
    """

    examples = (
        ("../old_project", "show the plan"),
        ("../old_project --to models --apply", "carry it out"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the two folders and whether to copy."""
        parser.add_argument("old", metavar="OLD_DIR", type=Path, help="the tree with the legacy layout")
        parser.add_argument("--to", metavar="DIR", type=Path, help="models folder to fill (default: models in OLD_DIR)")
        parser.add_argument("--apply", action="store_true", help="copy the files; without this only show the plan")

    def run(self, args: argparse.Namespace) -> int:
        """Print the plan, and copy with --apply."""
        from inference_bench.scaffold.migration import State, apply_migration, default_target, plan_migration

        to = args.to or default_target(args.old)
        migration = plan_migration(args.old, to)
        if args.apply:
            apply_migration(migration)
        print("\n".join(_lines(migration, to, applied=args.apply)))
        return 1 if migration.count(State.CONFLICT) else 0


def _lines(migration: Migration, to: Path, *, applied: bool) -> Iterator[str]:
    from inference_bench.scaffold.migration import State

    if migration.steps:
        yield from aligned([(step.state.value, _shown(step.source), _shown(step.target)) for step in migration.steps])
    copies, done, conflicts = (migration.count(state) for state in (State.COPY, State.DONE, State.CONFLICT))
    verb = "copied" if applied else "to copy"
    yield f"{copies} {verb}, {done} already done, {conflicts} in conflict; the originals stay"
    if conflicts:
        yield "a conflict: a file of this name exists or is to be copied. Rename one of the two and run this again."
    yield from (f"skipped: {_shown(path)} is a symbolic link" for path in migration.skipped)
    yield from (
        f"no model.py in {_shown(folder)}: `{program()} new model NAME` shows what one looks like"
        for folder in migration.incomplete
    )
    if applied:
        yield f"next: {program()} verify --models-dir {to}"
    elif copies:
        yield "nothing was written; add --apply to copy"


def _shown(path: Path) -> str:
    """Return the path as seen from here, if that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)

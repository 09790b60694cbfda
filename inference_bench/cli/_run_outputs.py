"""Runs in the formats of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.cli._outputs import Outputs, outputs_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.results.run import Run


def run_outputs(args: argparse.Namespace) -> Outputs:
    """Return where reports of runs go, checked before anything is read or measured.

    Raises:
        UnknownNameError: no such format.
        PluginError: the file of a format cannot be used.
        InvalidValueError: a file that cannot be written.
    """
    from inference_bench.reports._report import open_report

    for form in (args.format, *(form for form, _ in args.export)):
        open_report(form)
    return outputs_of(args, [args.format, *(form for form, _ in args.export)])


def write_runs(runs: Sequence[Run], outputs: Outputs) -> None:
    """Write the reports of runs, one after the other, to all places."""
    from inference_bench.reports._report import open_report

    def write(form: str, stream: TextIO) -> None:
        report = open_report(form)
        for run in runs:
            report.render(run, stream)

    outputs.write(write)

"""What the commands that compare share: the options of a comparison, and its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.analysis.margin import MARGIN
from inference_bench.cli import _values as values
from inference_bench.cli._outputs import JSON

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.results.noise_store import Noise
    from inference_bench.results.run_comparison import RunComparison


def add_comparison_options(parser: argparse._ActionsContainer) -> None:
    """Declare the margin and the metrics."""
    parser.add_argument(
        "--margin",
        metavar="FRACTION",
        type=values.fraction("margin", or_zero=True),
        default=MARGIN,
        help="changes up to this size count as none; the A/A floor or the clock's resolution may raise it. With 0 any "
        "change that is certain counts, however small: nothing is SAME then, and WORSE is any certain worsening",
    )
    parser.add_argument(
        "--metric", metavar="NAME[,NAME]", type=values.names("metric"), default=(), help="compare only these metrics"
    )


def check_comparison_options(args: argparse.Namespace) -> None:
    """Refuse what the comparison could not do, before anything is measured or read.

    Raises:
        UnknownNameError: no such metric.
        InvalidValueError: a metric that is computed from another one.
    """
    from inference_bench.errors import InvalidValueError
    from inference_bench.metrics import get_metric

    for metric in args.metric:
        source = get_metric(metric).derived_from
        if source is not None:
            raise InvalidValueError(
                "metric", metric, "a measured one", f"It follows from {source}, whose verdict it would repeat."
            )


def known_noise() -> Noise | None:
    """Return the A/A floors of this machine, or None if unknown."""
    from inference_bench.machine.environment import describe_environment
    from inference_bench.results.noise_store import load_noise

    return load_noise(str(describe_environment().get("fingerprint")))


def write_comparison(found: RunComparison, outputs: Outputs, remarks: Sequence[str] = ()) -> None:
    """Write the comparison.

    Args:
        found: the comparison.
        outputs: where it goes.
        remarks: further sentences, before those on machines, on engines and on the A/A floor.
    """
    from inference_bench.reports._figures.of_comparison import figures
    from inference_bench.reports._pages.comparison import page
    from inference_bench.reports._pages.comparison_json import write_json
    from inference_bench.reports._render import render

    remarks = [*remarks, *found.remarks]

    def write(form: str, stream: TextIO) -> None:
        if form == JSON:
            write_json(found.compared, found.differences, remarks, stream)
        else:
            content = page(found.compared, found.differences, remarks)
            render(content, form, stream, lambda: figures(found.compared))

    outputs.write(write)

"""One timed function of one test: plain data, which pytest-xdist can send, and its line of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference_bench.units import counted, format_value

if TYPE_CHECKING:
    from inference_bench.analysis.prediction_interval import Prediction
    from inference_bench.result import Summary

COLUMNS = ("test", "median", "interval", "p90", "cold", "n", "conv.")


@dataclass(frozen=True, slots=True)
class TimedFunction:
    """The timing of one function.

    Attributes:
        name: the test's id; of a second use in the same test with ``#2``.
        median_ns: None without a measured sample.
        low_ns: lower end of the median's 95 % interval.
        high_ns: upper end.
        p90_ns: None if the samples do not tell.
        cold_ns: the first call.
        n: measured calls.
        stopped: why sampling stopped without convergence; empty if it converged.
        workers: processes that timed at the same time.
        change: the change against earlier runs; None without ``--ib-compare``.
        failure: what ``--ib-fail`` says; empty if it passes.
        judged: whether there were enough earlier runs for a verdict.
        earlier: the number of earlier runs.
        group: heading of its table; empty for none.
        extra_info: the test's own facts by name, plain data.
    """

    name: str
    median_ns: float | None
    low_ns: float | None
    high_ns: float | None
    p90_ns: float | None
    cold_ns: float | None
    n: int
    stopped: str
    workers: int
    change: str | None = None
    failure: str = ""
    judged: bool = False
    earlier: int = 0
    group: str = ""
    extra_info: Mapping[str, object] = field(default_factory=dict)

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table, without the change."""
        return (
            *(self.name, _time(self.median_ns), f"[{_time(self.low_ns)}, {_time(self.high_ns)}]"),
            *(_time(self.p90_ns), _time(self.cold_ns), f"{self.n:,}", f"NO: {self.stopped}" if self.stopped else "yes"),
        )


def timed_function(
    name: str, summary: Summary, workers: int, group: str = "", extra_info: Mapping[str, object] | None = None
) -> TimedFunction:
    """Return the timing of one function from its summary."""
    figure, p90 = summary.headline, summary.quantiles.get("p90")
    return TimedFunction(
        name=name,
        median_ns=_plain(figure.value),
        low_ns=_plain(figure.low),
        high_ns=_plain(figure.high),
        p90_ns=_plain(p90.value if p90 else None),
        cold_ns=_plain(summary.cold),
        n=int(summary.n),
        stopped="" if summary.converged else str(summary.stop_reason),
        workers=workers,
        group=str(group),
        extra_info=dict(extra_info or {}),
    )


def _plain(value: float | None) -> float | None:
    """Return a Python float: pytest-xdist sends no scalar of numpy."""
    return None if value is None else float(value)


def describe_change(found: Prediction) -> str:
    """Return the change as the table shows it."""
    from inference_bench.analysis.prediction_interval import FEWEST_RUNS, Judgement, judgement_word

    text = f"{found.change:+.1%} against {counted(found.n, 'run')}, {judgement_word(found.judgement, 'ns')}"
    if found.judgement is Judgement.UNKNOWN:
        return f"{text} (needs {FEWEST_RUNS})"
    if found.judgement in (Judgement.WORSE, Judgement.BETTER):
        return f"{text} than all"
    return f"{text} ({found.as_bad} as slow)" if found.judgement is Judgement.SUSPECT and found.as_bad else text


def describe_failure(timed: TimedFunction, found: Prediction, fraction: float) -> str:
    """Return why ``--ib-fail`` fails the test."""
    from inference_bench.analysis.prediction_interval import judgement_word

    # The change comes first: pytest cuts its summary lines at the terminal's width.
    return (
        f"{judgement_word(found.judgement, 'ns')}, {found.change:+.1%}: {_time(timed.median_ns)} against "
        f"{_time(found.middle)}, the median of {found.n} earlier runs; unchanged code takes at most "
        f"{_time(found.high)}, and --ib-fail allows {fraction:.1%} ({timed.name})"
    )


def table_lines(rows: list[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _time(value_ns: float | None) -> str:
    return "–" if value_ns is None else format_value(value_ns, "ns")

"""A pytest fixture that times a function: cold call apart, an interval on every median, few false alarms.

Pytest loads this module wherever the package is installed, so heavy imports wait until a test uses the fixture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference_bench.benchmark.function_timing import FunctionTiming
    from inference_bench.result import Summary

_FIXTURE = "inference_bench"
_ENOUGH = 19
"""Earlier runs needed for a verdict: being slower than all 19 happens to one in twenty runs of the same code."""

_SUMMARIES: pytest.StashKey[dict[str, Summary]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("inference_bench", "timing with the fixture `inference_bench`")
    group.addoption("--ib-only", action="store_true", help="run only tests that time")
    group.addoption("--ib-skip", action="store_true", help="skip tests that time")
    group.addoption("--ib-budget", type=float, default=2.0, metavar="SECONDS", help="longest time per test (2)")
    group.addoption(
        "--ib-precision",
        type=float,
        default=0.02,
        metavar="FRACTION",
        help="width of the median's interval (0.02)",
    )
    group.addoption("--ib-save", type=Path, metavar="FILE", help="append this run's medians to a file")
    group.addoption(
        "--ib-compare",
        type=Path,
        metavar="FILE",
        help=f"compare with the runs in a file; a verdict needs {_ENOUGH}",
    )
    group.addoption(
        "--ib-fail",
        type=float,
        metavar="FRACTION",
        help="with --ib-compare: fail if a test is SLOWER by more than this, such as 0.05",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse contradictory options before anything is timed."""
    if config.option.ib_only and config.option.ib_skip:
        raise pytest.UsageError("--ib-only and --ib-skip: choose one of the two")
    if config.option.ib_fail is not None and config.option.ib_compare is None:
        raise pytest.UsageError("--ib-fail needs --ib-compare FILE")
    if config.option.ib_budget <= 0 or not 0 < config.option.ib_precision < 1:
        raise pytest.UsageError("--ib-budget: more than 0 seconds; --ib-precision: between 0 and 1")
    config.stash[_SUMMARIES] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests by ``--ib-only`` and ``--ib-skip``."""
    if not (config.option.ib_only or config.option.ib_skip):
        return
    for item in items:
        times = _FIXTURE in getattr(item, "fixturenames", ())
        if times and config.option.ib_skip:
            item.add_marker(pytest.mark.skip(reason="--ib-skip"))
        if not times and config.option.ib_only:
            item.add_marker(pytest.mark.skip(reason="--ib-only"))


@pytest.fixture(name=_FIXTURE)
def _timing(request: pytest.FixtureRequest) -> Iterator[FunctionTiming]:
    """Time a function: ``inference_bench(function, *args, **kwargs)`` returns the result of its last call."""
    from inference_bench.benchmark.function_timing import FunctionTiming
    from inference_bench.spec import Limits
    from inference_bench.units import NS_PER_S

    option = request.config.option
    timing = FunctionTiming(
        Limits(budget_ns=max(1, round(option.ib_budget * NS_PER_S)), relative_width=option.ib_precision)
    )
    yield timing
    if timing.summary is not None:
        request.config.stash[_SUMMARIES][request.node.nodeid] = timing.summary


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save this run, and fail the session if a test is slower than allowed."""
    option, summaries = session.config.option, session.config.stash[_SUMMARIES]
    if option.ib_fail is not None and session.exitstatus == pytest.ExitCode.OK:
        earlier = _earlier(option.ib_compare)
        if any(_change(name, s, earlier).is_slower_by(option.ib_fail) for name, s in summaries.items()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if option.ib_save is not None and summaries:
        line = json.dumps({name: summary.headline.value for name, summary in summaries.items()})
        with option.ib_save.open("a") as file:
            file.write(line + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print one line per test."""
    summaries = config.stash[_SUMMARIES]
    if not summaries:
        return
    from inference_bench.units import format_value

    earlier = _earlier(config.option.ib_compare)
    rows = [("test", "median", "interval", "p90", "cold", "n", "conv.", *(["change"] if earlier is not None else []))]
    for name, summary in summaries.items():

        def text(value: float | None) -> str:
            return "–" if value is None else format_value(value, "ns")

        figure, p90 = summary.headline, summary.quantiles.get("p90")
        rows.append(
            (
                *(name, text(figure.value), f"[{text(figure.low)}, {text(figure.high)}]"),
                *(text(p90.value if p90 else None), text(summary.cold), f"{summary.n:,}"),
                "yes" if summary.converged else f"NO: {summary.stop_reason}",
                *([str(_change(name, summary, earlier))] if earlier is not None else []),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    terminalreporter.section("inference_bench: time of a call")
    for row in rows:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    terminalreporter.write_line("Intervals are the median's, at 95 %, of this process; a fresh one may differ by more.")


class _Change:
    """The change of a test against earlier runs, with a verdict if there are enough."""

    def __init__(self, value: float | None, earlier: list[float]) -> None:
        self._value, self._earlier = value, sorted(earlier)

    @property
    def _ratio(self) -> float:
        middle = self._earlier[len(self._earlier) // 2]
        return (self._value or 0.0) / middle if middle else 1.0

    def is_slower_by(self, fraction: float) -> bool:
        """Return whether it is slower than all of enough earlier runs, and than their median by this fraction."""
        known = self._value is not None and len(self._earlier) >= _ENOUGH
        return known and self._value > self._earlier[-1] and self._ratio > 1 + fraction  # type: ignore[operator]

    def __str__(self) -> str:
        if self._value is None or not self._earlier:
            return "new"
        text = f"{self._ratio - 1:+.1%} against {len(self._earlier)} runs"
        if len(self._earlier) < _ENOUGH:
            return f"{text}, cannot tell (needs {_ENOUGH})"
        if self.is_slower_by(0):
            return f"{text}, SLOWER than all"
        return f"{text}, FASTER than all" if self._value < self._earlier[0] else f"{text}, within them"


def _change(name: str, summary: Summary, earlier: list[Mapping[str, object]] | None) -> _Change:
    values = [value for run in earlier or () if isinstance(value := run.get(name), int | float)]
    return _Change(summary.headline.value, values)


def _earlier(path: Path | None) -> list[Mapping[str, object]] | None:
    """Read the earlier runs.

    Raises:
        pytest.UsageError: the file was not written by ``--ib-save``.
    """
    if path is None:
        return None
    try:
        runs = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--ib-compare {path}: no runs that --ib-save wrote ({error})") from None
    if not all(isinstance(run, dict) for run in runs):
        raise pytest.UsageError(f"--ib-compare {path}: no runs that --ib-save wrote")
    return runs

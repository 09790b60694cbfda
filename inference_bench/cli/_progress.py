"""Progress on standard error: a live display in a terminal, one plain line per case elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from inference_bench._native import now_ns
from inference_bench.metrics import METRICS, Statistic, get_metric
from inference_bench.progress import Progress
from inference_bench.result import BenchmarkResult, Status, Summary
from inference_bench.units import NS_PER_S, format_value

if TYPE_CHECKING:
    from inference_bench.plan import Case, Plan


def make_progress(*, quiet: bool, stream: TextIO) -> Progress:
    """Return the progress that fits the stream; a quiet one still warns."""
    if quiet:
        return QuietProgress(stream)
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)


class QuietProgress(Progress):
    """Warnings only."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def warn(self, text: str) -> None:
        """Print one line."""
        print(f"warning: {text}", file=self._stream, flush=True)


class PlainProgress(QuietProgress):
    """One line per event, for logs."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._total = 0
        self._ended = 0
        self._began_ns = now_ns()

    def started(self, plan: Plan) -> None:
        """Say how much there is to do."""
        self._total = plan.measurements
        workers = len(list(plan.worker_runs()))
        self._say(f"{len(plan.cases)} cases, measured {self._total} times in {workers} fresh process(es)")

    def message(self, text: str) -> None:
        """Print one line."""
        self._say(text)

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Print the case's outcome."""
        self._ended += 1
        self._say(f"[{self._ended}/{self._total}] {case_label(result.case)}: {outcome(result)}")

    def _say(self, text: str) -> None:
        elapsed_s = (now_ns() - self._began_ns) / NS_PER_S
        print(f"{elapsed_s:6.1f} s  {text}", file=self._stream, flush=True)


class LiveProgress(Progress):
    """A bar over all cases, and below it the present case with its running medians."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._console = Console(file=stream, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=self._console,
            transient=True,
            # Drawing costs time on the processors that are being measured: twice a second is enough for a reader.
            refresh_per_second=2,
        )
        self._task = self._bars.add_task("starting", total=None, detail="")

    def started(self, plan: Plan) -> None:
        """Show the bar."""
        self._bars.update(self._task, total=plan.measurements)
        self._bars.start()

    def message(self, text: str) -> None:
        """Show what happens instead of a case."""
        self._bars.update(self._task, description=text, detail="")

    def case_started(self, case: Case, run: int) -> None:
        """Name the case."""
        self._bars.update(self._task, description=case_label(case), detail="warming up")

    def case_progress(self, case: Case, fields: Mapping[str, Any]) -> None:
        """Show running medians with the width of their intervals."""
        self._bars.update(self._task, detail=running_medians(fields))

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Leave one line behind and advance."""
        self._console.print(f"{case_label(result.case)}: {outcome(result)}", markup=False)
        self._bars.advance(self._task)

    def warn(self, text: str) -> None:
        """Print above the bar."""
        self._console.print(f"warning: {text}", markup=False)

    def close(self) -> None:
        """Remove the bar."""
        self._bars.stop()


def case_label(case: Case) -> str:
    """Return a short name for a case: model, benchmark and parameters."""
    parameters = [f"{name.replace('_', ' ')} {value}" for name, value in case.parameters.items()]
    return f"{case.model} {case.benchmark.replace('_', ' ')} ({', '.join([case.setup.dtype, *parameters])})"


def running_medians(fields: Mapping[str, Any]) -> str:
    """Return ``TTFT 72.1 ms ±1.3 %`` for each metric that the stopping rule watches."""
    parts = [f"{fields['iterations']} of {fields['total']}"] if "total" in fields else []
    for tag, median in fields["medians"].items():
        width = fields["widths"].get(tag)
        metric = get_metric(tag)
        precision = "" if width is None else f" ±{width / 2:.1%}"
        if median is not None:
            parts.append(f"{metric.title} {format_value(median, metric.unit)}{precision}")
    return "  ".join(parts)


def outcome(result: BenchmarkResult) -> str:
    """Return the headline of a result: its medians, or what went wrong."""
    if result.status is not Status.OK:
        cause = result.failure.cause if result.failure else "no reason given"
        return f"{result.status.value.replace('_', ' ')}: {cause}"
    sampled = [s for s in result.summaries if s.metric not in METRICS or METRICS[s.metric].derived_from is None]
    headline = [s for s in result.summaries if s.metric in METRICS and METRICS[s.metric].overview] or sampled
    total = [s for s in headline if s.phase == "total"]  # of a load, whose steps are a line each in the report
    return ", ".join(_short(summary) for summary in total or headline) or "done"


def _short(summary: Summary) -> str:
    """Return a metric's name and median; the phase too where the name does not imply it."""
    metric = METRICS.get(summary.metric)  # None for another harness's own metric
    title, unit = (metric.title, metric.unit) if metric else (summary.metric, "")
    figure = summary.headline.value
    value = "unknown" if figure is None else format_value(figure, unit)
    say_phase = metric is None or unit == "bytes" or metric.statistic is not Statistic.MEDIAN
    return f"{summary.phase} {title} {value}" if say_phase else f"{title} {value}"

"""Progress on standard error: a live display in a terminal, otherwise one line per case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from inference_bench._native import now_ns
from inference_bench.metrics import METRICS, Statistic, get_metric, is_derived
from inference_bench.orchestration.progress import Progress
from inference_bench.result import BenchmarkResult, Status, Summary
from inference_bench.spec import OWN_ENGINE
from inference_bench.units import NS_PER_S, counted, format_value

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from inference_bench.orchestration.messages import CaseProgress
    from inference_bench.plan import Case, Plan


def make_progress(*, quiet: bool, log_json: bool = False, live: bool = True, stream: TextIO) -> Progress:
    """Return the progress that fits the stream; a quiet one prints warnings only, one that is not live prints lines."""
    if log_json:
        from inference_bench.cli._progress_json import JsonProgress

        return JsonProgress(stream)
    if quiet:
        return QuietProgress(stream)
    return LiveProgress(stream) if live and stream.isatty() else PlainProgress(stream)


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
        """Print the number of cases."""
        self._total = plan.measurements
        workers = len(list(plan.worker_runs()))
        most = "up to " if plan.least_runs != plan.runs else ""
        processes = "1 fresh process" if workers == 1 else f"{workers} fresh processes"
        self._say(f"{counted(len(plan.cases), 'case')}, measured in {most}{processes}")

    def message(self, text: str) -> None:
        """Print one line."""
        self._say(text)

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Print the case's outcome."""
        self._ended += 1
        self._say(f"[{self._ended}/{self._total}] {case_label(result.case)}: {outcome(result)}")

    def not_needed(self, case: Case, run: int) -> None:
        """Count one measurement less."""
        self._total -= 1

    def _say(self, text: str) -> None:
        elapsed_s = (now_ns() - self._began_ns) / NS_PER_S
        print(f"{elapsed_s:6.1f} s  {text}", file=self._stream, flush=True)


class LiveProgress(Progress):
    """Three lines: progress of the plan, the current case with its running medians, and what is loaded ahead."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, highlight=False)
        self._total = 0
        self._ended = 0
        self._began_ns = now_ns()
        self._last_end_ns = 0
        self._present = "starting"
        self._detail = ""
        self._behind = ""
        # Drawing takes time on the CPUs that are being measured: twice a second is enough.
        self._live = Live(get_renderable=self._drawing, console=self._console, transient=True, refresh_per_second=2)

    def started(self, plan: Plan) -> None:
        """Show the lines."""
        self._total = plan.measurements
        self._live.start()

    def message(self, text: str) -> None:
        """Show what happens between cases."""
        self._present, self._detail = text, ""

    def case_started(self, case: Case, run: int) -> None:
        """Name the case."""
        self._present, self._detail = case_label(case), "warming up"

    def case_progress(self, case: Case, progress: CaseProgress) -> None:
        """Show running medians with the width of their intervals, and the peak of the worker's memory."""
        parts = [running_medians(progress), f"peak {format_value(progress.peak_rss_bytes, 'bytes')}"]
        self._detail = "  ".join(filter(None, parts))

    def loading_ahead(self, states: Mapping[str, str]) -> None:
        """Show what is loaded ahead."""
        self._behind = ", ".join(f"{model} {state}" for model, state in states.items())

    def case_ended(self, result: BenchmarkResult, run: int) -> None:
        """Print one line and advance."""
        self._console.print(f"{case_label(result.case)}: {outcome(result)}", markup=False)
        self._ended += 1
        self._last_end_ns = now_ns() - self._began_ns

    def not_needed(self, case: Case, run: int) -> None:
        """Count one measurement less."""
        self._total -= 1

    def warn(self, text: str) -> None:
        """Print above the lines."""
        self._console.print(f"warning: {text}", markup=False)

    def close(self) -> None:
        """Remove the lines."""
        self._live.stop()

    def _drawing(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        lines = [
            self._present,
            *_rows(self._detail, self._console.width),
            self._behind and f"loaded ahead: {self._behind}",
        ]
        return Group(self._overall(), *(Text(line) for line in lines if line))

    def _overall(self) -> Text:
        """Return the bar, the elapsed time, and the remaining time estimated from the cases so far."""
        from rich.text import Text

        elapsed_ns = now_ns() - self._began_ns
        words = [f"{self._ended}/{self._total}", _clock(elapsed_ns)]
        if 0 < self._ended < self._total:
            mean_ns = self._last_end_ns // self._ended
            of_present_ns = min(elapsed_ns - self._last_end_ns, mean_ns)  # so that it counts down while a case runs
            words.append(f"about {_clock(mean_ns * (self._total - self._ended) - of_present_ns)} left")
        text = "  ".join(words)
        width = max(0, min(24, self._console.width // 4, self._console.width - 2 - len(text)))
        full = width * self._ended // max(self._total, 1)
        stroke = "━" if self._console.encoding.startswith("utf") else "="
        return Text.assemble((stroke * full, "green"), (stroke * (width - full), "bright_black"), "  ", text)


def _rows(text: str, width: int) -> Iterator[str]:
    """Yield a line broken between its parts, two spaces apart, so that no figure is cut."""
    row = ""
    for part in text.split("  "):
        if row and len(row) + 2 + len(part) > width:
            yield row
            row = ""
        row += f"  {part}" if row else part
    yield row


def _clock(duration_ns: int) -> str:
    """Return ``1:05``, or with hours ``2:01:05``."""
    minutes, seconds = divmod(duration_ns // NS_PER_S, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def case_label(case: Case) -> str:
    """Return a short name for a case: model, benchmark and parameters."""
    parameters = [f"{name.replace('_', ' ')} {value}" for name, value in case.parameters.items()]
    engine = [] if case.setup.engine == OWN_ENGINE else [case.setup.engine]
    return f"{case.model} {case.benchmark.replace('_', ' ')} ({', '.join([*engine, case.setup.dtype, *parameters])})"


def running_medians(progress: CaseProgress) -> str:
    """Return ``TTFT 72.1 ms ±1.3 %`` for each metric that the stopping rule watches."""
    parts = [] if progress.total is None else [f"{progress.iterations} of {progress.total}"]
    for tag, median in progress.medians.items():
        width = progress.widths.get(tag)
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
    sampled = [s for s in result.summaries if not is_derived(s.metric)]
    headline = [s for s in result.summaries if s.metric in METRICS and METRICS[s.metric].overview] or sampled
    total = [s for s in headline if s.phase == "total"]  # of a load; the report has one line per step
    return ", ".join(_short(summary) for summary in total or headline) or "done"


def _short(summary: Summary) -> str:
    """Return a metric's name and median; the phase too where the name does not imply it."""
    metric = METRICS.get(summary.metric)  # None for another harness's own metric
    title, unit = (metric.title, metric.unit) if metric else (summary.metric, "")
    figure = summary.headline.value
    value = "unknown" if figure is None else format_value(figure, unit)
    say_phase = metric is None or unit == "bytes" or metric.statistic is not Statistic.MEDIAN
    return f"{summary.phase} {title} {value}" if say_phase else f"{title} {value}"

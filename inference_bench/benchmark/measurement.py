"""What a benchmark measures with: iterations under a stopping rule, and columns of samples."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from inference_bench._native import clock_describe, loop, now_ns
from inference_bench.analysis.stopping import Decision, StoppingRule
from inference_bench.errors import InvalidValueError
from inference_bench.machine.interference import Interference
from inference_bench.metrics import get_metric
from inference_bench.result import Stage
from inference_bench.spec import Limits
from inference_bench.units import KIB, NS_PER_MS

if TYPE_CHECKING:
    from inference_bench._native import MemorySampler
    from inference_bench.model.load_steps import LoadStep
    from inference_bench.model.weights.references import ResolvedWeights

R = TypeVar("R")

_PROGRESS_INTERVAL_NS = 200 * NS_PER_MS
"""Progress is sent between iterations only, and at most this often."""


def _ignore(*, opens: bool) -> None:
    """Nobody needs to know."""


@lru_cache
def _clock_resolution_ns() -> float:
    """Ask once: describing the clock takes a millisecond, for it measures what a reading costs."""
    return float(clock_describe()["resolution_ns"])


def _peak_rss_bytes() -> int:
    """Return the kernel's high-water mark of this process, for progress."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


_COLUMNS = ("iteration", "step", "metric", "phase", "stage", "start_ns", "value")
_BLOCK_NS = NS_PER_MS
"""Calls that are timed in one go take about this long: short enough to be undisturbed as a rule, long enough for what
surrounds a block to be little."""
_GROWTH = 8
"""Most blocks' length over that of the one before: one call that was uncommonly fast must not make an endless block."""


@dataclass(slots=True)
class Iteration:
    """One iteration: where its samples go."""

    index: int
    stage: Stage
    measurement: Measurement

    def record(self, metric: str, value: int, *, start_ns: int = -1, phase: str = "", step: int = -1) -> None:
        """Record one observation in integer nanoseconds or bytes."""
        self.measurement.add(self, metric, value, start_ns, phase, step)


class Measurement:
    """The samples of one case in one worker, and when to stop taking them.

    Args:
        limits: when to stop.
        on_progress: called between iterations with plain data.
        weights: what the worker's model was, or will be, loaded from.
        on_window: called with ``opens`` true before what is timed, and false after it.

    Attributes:
        notes: what lowers the trust in this result; a benchmark adds sentences.
        rates: for each derived metric that the benchmark wants, the tokens (or items) that one duration yields.
        load_steps: how the model was loaded, known from ``measure`` on.
        sampler: a running memory sampler, whose timeline becomes part of the result.
    """

    def __init__(
        self,
        limits: Limits,
        on_progress: Callable[[dict[str, object]], None] | None = None,
        weights: ResolvedWeights | None = None,
        on_window: Callable[..., None] | None = None,
    ) -> None:
        self.limits = limits
        self.decision = Decision(converged=True, reason="one observation a process", targets={})
        self.notes: list[str] = []
        self.sampler: MemorySampler | None = None
        self.rates: dict[str, float] = {}
        self.load_steps: Sequence[LoadStep] = ()
        self.weights = weights
        self._on_progress = on_progress
        self._on_window = on_window or _ignore
        self._reported_ns = 0
        self._rule: StoppingRule | None = None
        self._rows: list[tuple[Any, ...]] = []  # of _COLUMNS
        self._interference: list[str] = []  # of the first rows
        self._scores: dict[str, list[Any]] = {
            name: [] for name in ("task", "item", "metric", "value", "weight", "detail")
        }

    def iterations(self, targets: Sequence[str]) -> Iterator[Iteration]:
        """Yield the cold iteration, the warm-ups, then measured ones until the stopping rule is met.

        Args:
            targets: tags of the metrics whose medians must become precise.
        """
        self._rule = StoppingRule(self.limits, targets, resolution_ns=_clock_resolution_ns())
        warmups = self.limits.warmup_iterations
        with Interference() as interference:
            yield Iteration(0, Stage.COLD, self)
            self._mark(interference)
            for index in range(1, 1 + warmups):
                interference.begin()
                yield Iteration(index, Stage.WARMUP, self)
                self._mark(interference)
            yield from self._measured(1 + warmups, self._rule, interference)

    def _measured(self, index: int, rule: StoppingRule, interference: Interference) -> Iterator[Iteration]:
        with self.window():
            began_ns = now_ns()
            while True:
                interference.begin()
                yield Iteration(index, Stage.MEASURED, self)
                self._mark(interference)
                elapsed_ns = now_ns() - began_ns
                decision = rule.decide(elapsed_ns)
                self._report(index, elapsed_ns)
                if decision is not None:
                    self.decision = decision
                    return
                index += 1

    def time_calls(self, metric: str, call: Callable[..., R], args: tuple[object, ...] = ()) -> R:
        """Time a callable call by call until the median is precise; the loop around it is native.

        Short calls are timed in blocks of about a millisecond: the counters that tell what interfered are read, and the
        stopping rule is asked, once a block, so that what this costs falls on many calls.

        Args:
            metric: tag of the duration.
            call: what is timed; with arguments by name it takes a ``functools.partial``, which is timed, too.
            args: what it is given.

        Returns:
            What the last call returned.
        """
        get_metric(metric)
        calls, length = 0, 1
        returned: Any = None
        for iteration in self.iterations((metric,)):
            times = loop(call, length, args=args)
            returned = times.returned
            stage, indices = iteration.stage, range(calls, calls + length)
            self._rows.extend(
                (index, -1, metric, "", stage, start_ns, value)
                for index, start_ns, value in zip(indices, times.begin_ns, times.duration_ns, strict=True)
            )
            calls += length
            if iteration.stage is Stage.MEASURED and self._rule is not None:
                self._rule.observe_all(metric, times.duration_ns)
                length = self._next_block(times.duration_ns, self.limits.max_samples - self._rule.most)
        answer: R = returned
        return answer

    @staticmethod
    def _next_block(durations_ns: Sequence[int], most: int) -> int:
        """Return how many calls like these to time next."""
        wanted = _BLOCK_NS * len(durations_ns) // (sum(durations_ns) or 1)
        return max(1, min(wanted, _GROWTH * len(durations_ns), most))

    def _mark(self, interference: Interference) -> None:
        """Write to the rows of the iteration that just ended what interfered with it."""
        column = self._interference
        column.extend([interference.words()] * (len(self._rows) - len(column)))

    @contextmanager
    def window(self) -> Iterator[None]:
        """Mark a block as timed: no loader runs beside it, unless on processors of its own."""
        self._on_window(opens=True)
        try:
            yield
        finally:
            self._on_window(opens=False)

    def repetitions(self, count: int) -> Iterator[Iteration]:
        """Yield the cold iteration, then ``count`` measured ones: for quantities that hardly vary, such as memory."""
        yield Iteration(0, Stage.COLD, self)
        for index in range(1, 1 + count):
            yield Iteration(index, Stage.MEASURED, self)
            self._report(index, 0)
        self.decision = Decision(converged=True, reason=f"{count} repetitions asked for", targets={})

    def once(self) -> Iteration:
        """Return an iteration for something that happens once in a process, such as loading."""
        return Iteration(0, Stage.MEASURED, self)

    def add(self, iteration: Iteration, metric: str, value: int, start_ns: int, phase: str, step: int) -> None:
        """Append one row.

        Raises:
            InvalidValueError: a value that is no whole number of 64 bits, such as NaN.
            UnknownNameError: no metric has this tag.
        """
        get_metric(metric)
        if not hasattr(value, "__index__") or not -(1 << 63) <= value < 1 << 63:
            raise InvalidValueError(metric, value, "a whole number of nanoseconds or bytes")
        self._rows.append((iteration.index, step, metric, phase, iteration.stage, start_ns, int(value)))
        if iteration.stage is Stage.MEASURED and self._rule is not None:
            self._rule.observe(metric, value)

    def score(
        self,
        metric: str,
        task: str,
        item: str,
        value: float,
        *,
        weight: float = 1.0,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Record the score of one item.

        Args:
            metric: tag of a scored metric, or the name that another harness has for one of its own.
            task: the data set or question.
            item: names the item within its task, the same in every configuration.
            value: the score, in the metric's unit.
            weight: what the item counts for in the mean.
            detail: what led to the score, for those who look into it.

        Raises:
            InvalidValueError: a score or weight that is no finite number.
        """
        if not (math.isfinite(value) and math.isfinite(weight) and weight > 0):
            raise InvalidValueError(f"{metric} of {task} {item}", (value, weight), "a finite score, a positive weight")
        text = orjson.dumps(detail, option=orjson.OPT_SERIALIZE_NUMPY).decode() if detail else ""
        row = (task, item, metric, float(value), float(weight), text)
        for column, cell in zip(self._scores.values(), row, strict=True):
            column.append(cell)

    def scores(self) -> dict[str, list[Any]]:
        """Return the scores as equally long columns (see ``result.Scores``; ``run`` is the orchestrator's)."""
        return self._scores

    def progress(self, done: int, total: int) -> None:
        """Tell how far a pass over items has come; cheap enough to call after each."""
        if self._on_progress is None or (done < total and now_ns() - self._reported_ns < _PROGRESS_INTERVAL_NS):
            return
        fields = {"iterations": done, "total": total, "samples": done, "medians": {}, "widths": {}}
        self._on_progress({**fields, "peak_rss_bytes": _peak_rss_bytes()})
        self._reported_ns = now_ns()

    def columns(self) -> dict[str, list[Any]]:
        """Return the samples as equally long columns (see ``result.Samples``; ``run`` is the orchestrator's)."""
        columns: Sequence[Sequence[Any]] = list(zip(*self._rows, strict=True)) or [()] * len(_COLUMNS)
        found = {name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)}
        # Not known of what is taken once, nor of an iteration that was left.
        unknown = [""] * (len(self._rows) - len(self._interference))
        return {**found, "interference": self._interference + unknown}

    def _report(self, index: int, elapsed_ns: int) -> None:
        if self._on_progress is None or self._rule is None or now_ns() - self._reported_ns < _PROGRESS_INTERVAL_NS:
            return
        self._on_progress(
            {
                "iterations": index,
                "samples": len(self._rows),
                "medians": self._rule.medians(),
                "widths": self._rule.relative_widths(),
                "elapsed_ns": elapsed_ns,
                "peak_rss_bytes": _peak_rss_bytes(),
            }
        )
        self._reported_ns = now_ns()

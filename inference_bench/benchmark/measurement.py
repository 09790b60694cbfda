"""Measurement: iterations under a stopping rule, and columns of samples."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, TypeVar

import orjson

from inference_bench._native import clock_describe, loop, now_ns
from inference_bench.analysis.stopping import ONE_WINDOW, Decision, StoppingRule
from inference_bench.benchmark.gpu_calls import GPU_NOTE, finishing
from inference_bench.benchmark.lazy_results import refuse_lazy_result
from inference_bench.demands import Passes
from inference_bench.errors import InvalidValueError
from inference_bench.machine.device_work import device_synchronisation
from inference_bench.machine.interference import Interference
from inference_bench.metrics import get_metric
from inference_bench.result import Stage
from inference_bench.spec import Limits
from inference_bench.units import KIB, NS_PER_MS, counted

if TYPE_CHECKING:
    from inference_bench._native import MemorySampler
    from inference_bench.model.load_steps import LoadStep
    from inference_bench.model.weights.references import ResolvedWeights

R = TypeVar("R")

_PROGRESS_INTERVAL_NS = 200 * NS_PER_MS
"""Shortest interval between two progress messages, sent between iterations only."""


def _ignore(*, opens: bool) -> None:
    """Do nothing."""


@lru_cache
def _clock_resolution_ns() -> float:
    """Return the clock's resolution, cached: describing the clock takes a millisecond."""
    return float(clock_describe()["resolution_ns"])


def _peak_rss_bytes() -> int:
    """Return this process's peak resident memory, from the kernel."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


_COLUMNS = ("iteration", "step", "metric", "phase", "stage", "start_ns", "value")
_BLOCK_NS = NS_PER_MS
"""Target duration of a block of calls: short enough to be undisturbed as a rule, long enough to keep overhead small."""
_GROWTH = 8
"""Largest growth from one block to the next, so that one very fast call cannot lead to an endless block."""


class CaseProgressFields(TypedDict):
    """The progress of a case, as sent to the orchestrator."""

    iterations: int
    samples: int
    medians: Mapping[str, float | None]
    widths: Mapping[str, float | None]
    peak_rss_bytes: int
    elapsed_ns: NotRequired[int]
    total: NotRequired[int]


@dataclass(slots=True)
class Iteration:
    """One iteration, which records its samples."""

    index: int
    stage: Stage
    measurement: Measurement

    def record(self, metric: str, value: int, *, start_ns: int = -1, phase: str = "", step: int = -1) -> None:
        """Record one observation in integer nanoseconds or bytes."""
        self.measurement.add(self, metric, value, start_ns, phase, step)


class Measurement:
    """The samples of one case in one worker, and when to stop sampling.

    Args:
        limits: when to stop.
        on_progress: called between iterations with plain data.
        weights: the weights that the worker's model is loaded from.
        on_window: called with ``opens`` true before a timed window, and false after it.
        clock: returns nanoseconds, for the budget; a test may give ``testing.FakeClock``. Samples keep their own clock.

    Attributes:
        notes: sentences on what lowers the trust in this result.
        work: what is computed, to compare with other engines: ``prompt_ids`` (a digest), ``new_tokens``.
        rates: derived metric → tokens (or items) per measured duration.
        passes: what a model with known demands runs per iteration; None if the benchmark does not say it.
        run: number of this process among those that measure the case, from 0; set before ``measure``.
        load_steps: the steps of the load; set before ``measure``.
        sampler: a running memory sampler, whose timeline becomes part of the result.
        requests: parts of the table of requests, each column name → values; ``result.Requests`` says which columns.
        chunks: parts of the table of what arrived, in the same form as ``result.Chunks``.
        server_readings: parts of the table of the server's own metrics, in the same form as ``result.ServerReadings``.
        interrupted: whether the user stopped it half-way: what it recorded is kept, and the case is not complete.
        floor: metric tag → quantile → nanoseconds of what the same load took on a null server.
    """

    def __init__(
        self,
        limits: Limits,
        on_progress: Callable[[CaseProgressFields], None] | None = None,
        weights: ResolvedWeights | None = None,
        on_window: Callable[..., None] | None = None,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        self.limits = limits
        self.decision = Decision(converged=True, reason="one observation a process", targets={})
        self.notes: list[str] = []
        self.sampler: MemorySampler | None = None
        self.work: dict[str, object] = {}
        self.rates: dict[str, float] = {}
        self.passes: Passes | None = None
        self.requests: list[Mapping[str, Sequence[object]]] = []
        self.chunks: list[Mapping[str, Sequence[object]]] = []
        self.server_readings: list[Mapping[str, Sequence[object]]] = []
        self.interrupted = False
        self.floor: dict[str, Mapping[str, float]] = {}
        self.run = 0
        self.load_steps: Sequence[LoadStep] = ()
        self.weights = weights
        self._on_progress = on_progress
        self._on_window = on_window or _ignore
        self._clock = clock
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
            clock = self._clock
            began_ns = clock()
            while True:
                interference.begin()
                yield Iteration(index, Stage.MEASURED, self)
                self._mark(interference)
                elapsed_ns = clock() - began_ns
                decision = rule.decide(elapsed_ns)
                self._report(index, elapsed_ns)
                if decision is not None:
                    self.decision = decision
                    return
                index += 1

    def time_calls(
        self,
        metric: str,
        call: Callable[..., R],
        args: tuple[object, ...] = (),
        prepare: Callable[[], tuple[object, ...]] | None = None,
    ) -> R:
        """Time a callable call by call until the median is precise; the loop around it is native.

        Each call ends when the GPU has finished, if torch has used one (``gpu_calls``). Short calls are timed in
        blocks of about a millisecond, with one look at counters and stopping rule per block.

        Args:
            metric: tag of the duration.
            call: keyword arguments need a ``functools.partial``, whose overhead is included.
            args: positional arguments.
            prepare: called before each call, untimed; returns the positional arguments instead of ``args``.

        Returns:
            The result of the last call.

        Raises:
            UsageError: the first call returned what nothing has run, such as a coroutine.
        """
        calls, length = 0, 1
        returned: Any = None
        for iteration in self.iterations((get_metric(metric).tag,)):
            timed = self._until_finished(call) if iteration.stage is not Stage.COLD else finishing(call)
            times = loop(timed, length, args=prepare() if prepare else args)
            returned = times.returned
            if iteration.stage is Stage.COLD:
                refuse_lazy_result(call, returned)
            stage, indices = iteration.stage, range(calls, calls + length)
            self._rows.extend(
                (index, -1, metric, "", stage, start_ns, value)
                for index, start_ns, value in zip(indices, times.begin_ns, times.duration_ns, strict=True)
            )
            calls += length
            if iteration.stage is Stage.MEASURED and self._rule is not None:
                self._rule.observe_all(metric, times.duration_ns)
                if prepare is None:
                    length = self._next_block(times.duration_ns, self.limits.max_samples - self._rule.most)
        return returned  # type: ignore[no-any-return]

    def _until_finished(self, call: Callable[..., R]) -> Callable[..., R]:
        """Return the call as it is timed: up to the end of its work on a GPU, if torch has used one."""
        synchronise = device_synchronisation()
        if synchronise is None:
            return call
        synchronise()  # of what an earlier call has left there
        self.note_gpu()
        return finishing(call)

    def note_gpu(self) -> None:
        """Note that the wait for the GPU is part of each call."""
        if GPU_NOTE not in self.notes:
            self.notes.append(GPU_NOTE)

    @staticmethod
    def _next_block(durations_ns: Sequence[int], most: int) -> int:
        """Return the number of calls in the next block."""
        wanted = _BLOCK_NS * len(durations_ns) // (sum(durations_ns) or 1)
        return max(1, min(wanted, _GROWTH * len(durations_ns), most))

    def _mark(self, interference: Interference) -> None:
        """Fill in the interference column for the rows of the iteration that just ended."""
        column = self._interference
        column.extend([interference.words()] * (len(self._rows) - len(column)))

    @contextmanager
    def window(self) -> Iterator[None]:
        """Mark a block as timed: no loader runs during it, unless on separate CPUs."""
        self._on_window(opens=True)
        try:
            yield
        finally:
            self._on_window(opens=False)

    def repetitions(self, count: int, *, budgets: int | None = None) -> Iterator[Iteration]:
        """Yield the cold iteration, then ``count`` measured ones, for stable quantities such as memory.

        Args:
            count: how many at most.
            budgets: end, after at least one, once all of them have taken this many times the budget; None for no bound.
        """
        bound_ns = None if budgets is None else budgets * self.limits.budget_ns
        began_ns = now_ns()
        yield Iteration(0, Stage.COLD, self)
        for index in range(1, 1 + count):
            yield Iteration(index, Stage.MEASURED, self)
            self.progress(index, count)
            if bound_ns is not None and index < count and now_ns() - began_ns >= bound_ns:
                reason = f"time budget spent after {index} of {count} repetitions"
                self.notes.append(reason)
                self.decision = Decision(converged=False, reason=reason, targets={})
                return
        self.decision = Decision(converged=True, reason=f"{count} repetitions asked for", targets={})

    def one_window(self, count: int, targets: Sequence[str]) -> Iterator[Iteration]:
        """Yield the cold iteration, then ``count`` measured ones that have already happened, as in a load.

        The stopping rule judges the targets by what they recorded, but does not end anything.

        Args:
            count: how many.
            targets: tags of the metrics whose medians must be precise.
        """
        self._rule = StoppingRule(self.limits, targets, resolution_ns=_clock_resolution_ns())
        yield Iteration(0, Stage.COLD, self)
        for index in range(1, 1 + count):
            yield Iteration(index, Stage.MEASURED, self)
            self.progress(index, count)
        self.decision = self._rule.judge(f"{ONE_WINDOW} of {counted(count, 'request')}")

    def once(self) -> Iteration:
        """Return an iteration for something that happens once per process, such as loading."""
        return Iteration(0, Stage.MEASURED, self)

    def add(self, iteration: Iteration, metric: str, value: int, start_ns: int, phase: str, step: int) -> None:
        """Append one row.

        Raises:
            InvalidValueError: a value that is not a 64-bit integer, such as NaN.
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
            metric: tag of a scored metric, or another harness's name for its own.
            task: the data set or question.
            item: the item's name within its task, the same in every configuration.
            value: the score, in the metric's unit.
            weight: the item's weight in the mean.
            detail: the evidence for the score.

        Raises:
            InvalidValueError: a score or weight that is not finite.
        """
        if not (math.isfinite(value) and math.isfinite(weight) and weight > 0):
            raise InvalidValueError(f"{metric} of {task} {item}", (value, weight), "a finite score, a positive weight")
        text = orjson.dumps(detail, option=orjson.OPT_SERIALIZE_NUMPY).decode() if detail else ""
        row = (task, item, metric, float(value), float(weight), text)
        for column, cell in zip(self._scores.values(), row, strict=True):
            column.append(cell)

    def scores(self) -> dict[str, list[Any]]:
        """Return the scores as columns of equal length (see ``result.Scores``; the orchestrator adds ``run``)."""
        return self._scores

    def progress(self, done: int, total: int) -> None:
        """Report the progress of a pass over items; cheap enough to call after each item."""
        if self._on_progress is None or (done < total and self._clock() - self._reported_ns < _PROGRESS_INTERVAL_NS):
            return
        self._on_progress(
            {
                "iterations": done,
                "samples": done,
                "medians": {},
                "widths": {},
                "peak_rss_bytes": _peak_rss_bytes(),
                "total": total,
            }
        )
        self._reported_ns = self._clock()

    def columns(self) -> dict[str, list[Any]]:
        """Return the samples as columns of equal length (see ``result.Samples``; the orchestrator adds ``run``)."""
        columns: Sequence[Sequence[Any]] = list(zip(*self._rows, strict=True)) or [()] * len(_COLUMNS)
        found = {name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)}
        # Unknown for single observations and for an iteration that was aborted.
        unknown = [""] * (len(self._rows) - len(self._interference))
        return {**found, "interference": self._interference + unknown}

    def _report(self, index: int, elapsed_ns: int) -> None:
        if self._on_progress is None or self._rule is None or self._clock() - self._reported_ns < _PROGRESS_INTERVAL_NS:
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
        self._reported_ns = self._clock()

"""The samples of one case over all its runs, and the result that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.derived_summaries import derived_summaries
from inference_bench.analysis.estimates import relative_width
from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.analysis.summaries import summarise_samples
from inference_bench.metrics import METRICS
from inference_bench.orchestration.messages import Columns, DecisionFacts, Failed, Measured
from inference_bench.orchestration.stretches import Activity
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Failure, MemoryTimeline, Samples, Scores, Status, Summary
from inference_bench.spec import Limits

_Columns = Mapping[str, Sequence[object] | NDArray[np.str_]]
_NO_LOADERS = Activity()


@dataclass(slots=True)
class Tally:
    """Collects what the workers send about one case; ``result`` may be called after each."""

    case: Case
    limits: Limits
    headline: tuple[str, ...] = ()
    status: Status = Status.OK
    failure: Failure | None = None
    model: Mapping[str, object] = field(default_factory=dict)
    workers: list[Mapping[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _decisions: list[DecisionFacts] = field(default_factory=list)
    _rates: dict[str, float] = field(default_factory=dict)
    _samples: list[_Columns] = field(default_factory=list)
    _scores: list[_Columns] = field(default_factory=list)
    _memory: list[_Columns] = field(default_factory=list)
    _summaries: tuple[Summary, ...] = ()

    @property
    def is_precise(self) -> bool:
        """Whether, by the last result, the metrics that decide it are as precise as asked for.

        They are those that the stopping rule watched; without a stopping rule the first headline metric.
        """
        decisive = self._watched or set(self.headline[:1])
        found = [summary for summary in self._summaries if summary.metric in decisive]
        return bool(found) and all(self._is_narrow(summary) for summary in found)

    def add(
        self,
        run: int,
        answer: Measured | Failed,
        model: Mapping[str, object] | None = None,
        loaders: Activity = _NO_LOADERS,
    ) -> None:
        """Add a worker's answer.

        Args:
            run: number of the fresh process.
            answer: what the worker sent.
            model: what the model says of itself.
            loaders: what other workers did beside it.
        """
        self.model = model or self.model
        if isinstance(answer, Failed):
            self.fail(answer.status, Failure(answer.cause, detail=answer.detail))
            return
        self._rates |= answer.rates
        if answer.samples["value"]:
            self._samples.append(_with_run(run, {**answer.samples, "loader": _loader_states(answer.samples, loaders)}))
        if answer.scores["value"]:
            self._scores.append(_with_run(run, answer.scores))
        if answer.memory:
            self._memory.append(_with_run(run, answer.memory))
        self._decisions.append(answer.decision)
        self.workers.append({"run": run, **answer.worker, "decision": answer.decision})
        for note in answer.notes:
            self._note(note if run == 0 else f"run {run + 1}: {note}")

    def fail(self, status: Status, failure: Failure) -> None:
        """Mark the case as failed; samples of earlier runs are kept and summarised."""
        if self.status is Status.OK:
            self.status, self.failure = status, failure

    def result(self) -> BenchmarkResult:
        """Return the result of everything collected so far."""
        samples = Samples.joined(self._samples) if self._samples else None
        scores = Scores.joined(self._scores) if self._scores else None
        sampled = self._sampled(samples) if samples is not None else ()
        self._summaries = sampled + (summarise_scores(scores) if scores is not None else ())
        return BenchmarkResult(
            case=self.case,
            status=self.status,
            summaries=self._summaries,
            samples=samples,
            scores=scores,
            memory=MemoryTimeline.joined(self._memory) if self._memory else None,
            model=self.model,
            workers=tuple(self.workers),
            notes=(*self._notes_on_weights(), *self.notes),
            failure=self.failure,
            headline=self.headline,
        )

    @property
    def _watched(self) -> set[str]:
        return {metric for decision in self._decisions for metric in decision["targets"]}

    def _sampled(self, samples: Samples) -> tuple[Summary, ...]:
        watched = self._watched
        sampled = summarise_samples(
            samples,
            converged={metric: all(d["targets"].get(metric, True) for d in self._decisions) for metric in watched},
            stop_reasons=dict.fromkeys(np.unique(samples.metric).tolist(), self._stop_reason()),
        )
        if watched and len(self._decisions) > 1:
            sampled = tuple(map(self._judged_over_processes, sampled))
        elif watched:
            sampled = tuple(s if s.metric in watched else self._judged(s) for s in sampled)
        return sampled + derived_summaries(sampled, self._rates)

    def _stop_reason(self) -> str:
        """Return why the first run that did not converge stopped sampling, else why the first run did."""
        return min(self._decisions, key=lambda decision: decision["converged"])["reason"]

    def _judged(self, summary: Summary) -> Summary:
        """Judge a metric that the stopping rule did not watch by the criteria of the rule."""
        few = summary.n < self.limits.min_samples
        if not few and self._is_narrow(summary):
            return replace(summary, converged=True)
        reason = f"{summary.n} of {self.limits.min_samples} samples" if few else "interval wider than asked for"
        return replace(summary, converged=False, stop_reason=f"{reason}: the stopping rule watches other metrics")

    def _judged_over_processes(self, summary: Summary) -> Summary:
        """Judge a metric by its interval over processes: how each of them ended says nothing about the others."""
        count, asked = len(self._decisions), self.limits.relative_width / 2
        width = relative_width(summary.quantiles["p50"])
        if self._is_narrow(summary):
            return replace(summary, converged=True, stop_reason=f"interval over {count} processes narrow enough")
        reach = "there is no interval" if width is None else f"the interval is ±{width / 2:.1%}"
        return replace(
            summary, converged=False, stop_reason=f"after {count} processes {reach}, ±{asked:.1%} was asked for"
        )

    def _is_narrow(self, summary: Summary) -> bool:
        """Return whether an interval is as narrow as asked for, or as the clock can resolve."""
        median = summary.quantiles.get("p50")
        width = None if median is None else relative_width(median)
        if width is None or median is None or median.low is None or median.high is None:
            return False
        clock = self.workers[0].get("clock")
        resolution_ns = clock.get("resolution_ns", 0) if isinstance(clock, Mapping) else 0
        is_time = summary.metric in METRICS and METRICS[summary.metric].unit == "ns"
        return width <= self.limits.relative_width or (is_time and median.high - median.low <= 2 * resolution_ns)

    def _notes_on_weights(self) -> tuple[str, ...]:
        weights = self.model.get("weights")
        if isinstance(weights, Mapping) and not weights["trained"] and weights["source"] != "none":
            return (f"{weights['label']}: speed and memory only; what the model says means nothing",)
        return ()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _loader_states(samples: Columns, loaders: Activity) -> NDArray[np.str_]:
    """Return what the loaders did while each sample was taken (see ``result.Samples``)."""
    start = np.asarray(samples["start_ns"], np.int64)
    times = [tag for tag, metric in METRICS.items() if metric.unit == "ns"]
    is_time = np.isin(np.asarray(samples["metric"], np.str_), times)
    end = start + np.where(is_time, np.asarray(samples["value"], np.int64), 0)
    states = np.where(start < 0, "", "none").astype("<U7")
    for spans, word in ((loaders.alive, "still"), (loaders.running, "running")):
        for begin_ns, end_ns in spans:
            states[(start >= 0) & (start < end_ns) & (end > begin_ns)] = word
    return states


def _with_run(run: int, columns: _Columns) -> _Columns:
    return {**columns, "run": [run] * len(next(iter(columns.values())))}

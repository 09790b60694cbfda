"""One case's samples over all its runs, and the result they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.derived_summaries import derived_summaries
from inference_bench.analysis.estimates import relative_width
from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.analysis.summaries import summarise_samples
from inference_bench.metrics import unit_of
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Failure, MemoryTimeline, Samples, Scores, Status, Summary
from inference_bench.spec import Limits


@dataclass(slots=True)
class Tally:
    """Collects what the workers send about one case; ``result`` may be asked for after each."""

    case: Case
    limits: Limits
    status: Status = Status.OK
    failure: Failure | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    workers: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _decisions: list[Mapping[str, Any]] = field(default_factory=list)
    _rates: dict[str, float] = field(default_factory=dict)
    _samples: list[Mapping[str, Any]] = field(default_factory=list)
    _scores: list[Mapping[str, Any]] = field(default_factory=list)
    _memory: list[Mapping[str, Any]] = field(default_factory=list)

    def add(
        self,
        run: int,
        message: Mapping[str, Any],
        model: Mapping[str, Any] | None = None,
        loaders: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        """Add a worker's ``measured`` or ``failed`` message.

        Args:
            run: number of the fresh process.
            message: what the worker sent.
            model: what the model says of itself.
            loaders: when other workers were ``alive`` and ``running`` beside it, on CLOCK_MONOTONIC_RAW.
        """
        self.model = model or self.model
        if message["kind"] == "failed":
            self.fail(Status(message["status"]), Failure(message["cause"], detail=message["detail"]))
            return
        self._rates |= message["rates"]
        if message["samples"]["value"]:
            samples = {**message["samples"], "loader": _loader_states(message["samples"], loaders or {})}
            self._samples.append(_with_run(run, samples, len(samples["value"])))
        if message["scores"]["value"]:
            self._scores.append(_with_run(run, message["scores"], len(message["scores"]["value"])))
        if message["memory"]:
            self._memory.append(_with_run(run, message["memory"], len(message["memory"]["time_ns"])))
        self._decisions.append(message["decision"])
        self.workers.append({"run": run, **message["worker"], "decision": message["decision"]})
        for note in message["notes"]:
            self._note(note if run == 0 else f"run {run + 1}: {note}")

    def fail(self, status: Status, failure: Failure) -> None:
        """Mark the case; samples of earlier runs are kept and summarised."""
        if self.status is Status.OK:
            self.status, self.failure = status, failure

    def result(self) -> BenchmarkResult:
        """Summarise everything collected so far."""
        samples = Samples.joined(self._samples) if self._samples else None
        scores = Scores.joined(self._scores) if self._scores else None
        sampled = self._summaries(samples) if samples is not None else ()
        return BenchmarkResult(
            case=self.case,
            status=self.status,
            summaries=sampled + (summarise_scores(scores) if scores is not None else ()),
            samples=samples,
            scores=scores,
            memory=MemoryTimeline.joined(self._memory) if self._memory else None,
            model=self.model,
            workers=tuple(self.workers),
            notes=(*self._notes_on_weights(), *self.notes),
            failure=self.failure,
        )

    def _summaries(self, samples: Samples) -> tuple[Summary, ...]:
        watched = {metric for decision in self._decisions for metric in decision["targets"]}
        sampled = summarise_samples(
            samples,
            converged={metric: all(d["targets"].get(metric, True) for d in self._decisions) for metric in watched},
            stop_reasons=dict.fromkeys(np.unique(samples.metric).tolist(), self._stop_reason()),
        )
        if watched:
            sampled = tuple(s if s.metric in watched else self._judged(s) for s in sampled)
        return sampled + derived_summaries(sampled, self._rates)

    def _stop_reason(self) -> str:
        """Return why the first run that did not converge stopped, else why they all did."""
        worst = min(self._decisions, key=lambda decision: decision["converged"])
        reason: str = worst["reason"]
        return reason

    def _judged(self, summary: Summary) -> Summary:
        """Judge a metric that the stopping rule did not watch by the rule's own measure."""
        width = relative_width(summary.quantiles["p50"])
        few = summary.n < self.limits.min_samples
        if not few and width is not None and width <= self.limits.relative_width:
            return replace(summary, converged=True)
        reason = f"{summary.n} of {self.limits.min_samples} samples" if few else "interval wider than asked for"
        return replace(summary, converged=False, stop_reason=f"{reason}: the stopping rule watches other metrics")

    def _notes_on_weights(self) -> tuple[str, ...]:
        weights = self.model.get("weights", {})
        if weights and not weights["trained"] and weights["source"] != "none":
            return (f"{weights['label']}: speed and memory only; what the model says means nothing",)
        return ()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _loader_states(samples: Mapping[str, Any], loaders: Mapping[str, Sequence[tuple[int, int]]]) -> NDArray[np.str_]:
    """Say of each sample what the loaders did while it was taken (see ``result.Samples``)."""
    start = np.asarray(samples["start_ns"], np.int64)
    lengths = [
        value if unit_of(metric) == "ns" else 0
        for metric, value in zip(samples["metric"], samples["value"], strict=True)
    ]
    end = start + np.asarray(lengths, np.int64)
    states = np.where(start < 0, "", "none").astype("<U7")
    for state, word in (("alive", "still"), ("running", "running")):
        for begin_ns, end_ns in loaders.get(state, ()):
            states[(start >= 0) & (start < end_ns) & (end > begin_ns)] = word
    return states


def _with_run(run: int, columns: Mapping[str, Any], rows: int) -> dict[str, Any]:
    return {**columns, "run": [run] * rows}

"""The samples of one case over all its runs, and the result that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.case_summaries import CaseFacts, case_summaries, is_narrow
from inference_bench.analysis.machine_use import rate_ceilings
from inference_bench.analysis.stopping import Decision
from inference_bench.ceilings import Ceilings
from inference_bench.metrics import METRICS
from inference_bench.orchestration.messages import Columns, Failed, Measured
from inference_bench.orchestration.stretches import Activity
from inference_bench.plan import Case
from inference_bench.result import (
    BenchmarkResult,
    Chunks,
    Failure,
    MemoryTimeline,
    Operations,
    Requests,
    Samples,
    Scores,
    ServerReadings,
    Status,
    Summary,
)
from inference_bench.spec import Limits

_Columns = Mapping[str, Sequence[object] | NDArray[np.str_]]
_NO_LOADERS = Activity()


@dataclass(slots=True)
class Tally:
    """Collects what the workers send about one case; ``result`` may be called after each."""

    case: Case
    limits: Limits
    headline: tuple[str, ...] = ()
    ceilings: Ceilings | None = None
    status: Status = Status.OK
    failure: Failure | None = None
    model: Mapping[str, object] = field(default_factory=dict)
    workers: list[Mapping[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _decisions: list[Decision] = field(default_factory=list)
    _rates: dict[str, float] = field(default_factory=dict)
    _samples: list[_Columns] = field(default_factory=list)
    _scores: list[_Columns] = field(default_factory=list)
    _memory: list[_Columns] = field(default_factory=list)
    _requests: list[_Columns] = field(default_factory=list)
    _chunks: list[_Columns] = field(default_factory=list)
    _server_readings: list[_Columns] = field(default_factory=list)
    _operations: list[_Columns] = field(default_factory=list)
    _floor: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    _demands: Mapping[str, object] = field(default_factory=dict)
    _summaries: tuple[Summary, ...] = ()

    @property
    def is_precise(self) -> bool:
        """Whether, by the last result, the metrics that decide it are as precise as asked for.

        They are those that the stopping rule watched; without a stopping rule the first headline metric.
        """
        facts = self._facts
        decisive = facts.watched or set(self.headline[:1])
        found = [summary for summary in self._summaries if summary.metric in decisive]
        return bool(found) and all(is_narrow(summary, facts) for summary in found)

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
        self._requests += (_with_run(run, part) for part in answer.requests)
        self._chunks += (_with_run(run, part) for part in answer.chunks)
        self._server_readings += (_with_run(run, part) for part in answer.server_readings)
        if answer.operations:
            self._operations.append(_with_run(run, answer.operations))
        self._floor = self._floor or answer.floor
        self._demands = self._demands or answer.demands
        self._decisions.append(Decision(**answer.decision))
        rates = {"rates": dict(answer.rates)} if answer.rates else {}
        self.workers.append({"run": run, **answer.worker, "decision": answer.decision, **rates})
        for note in answer.notes:
            self._note(note if run == 0 else f"run {run + 1}: {note}")
        if answer.interrupted:
            self.fail(Status.INTERRUPTED, Failure("stopped by the user half-way; what had ended is recorded"))

    def fail(self, status: Status, failure: Failure) -> None:
        """Mark the case as failed; samples of earlier runs are kept and summarised."""
        if self.status is Status.OK:
            self.status, self.failure = status, failure

    def result(self) -> BenchmarkResult:
        """Return the result of everything collected so far."""
        samples = Samples.joined(self._samples) if self._samples else None
        scores = Scores.joined(self._scores) if self._scores else None
        self._summaries = case_summaries(samples, scores, self._facts)
        return BenchmarkResult(
            case=self.case,
            status=self.status,
            summaries=self._summaries,
            samples=samples,
            scores=scores,
            memory=MemoryTimeline.joined(self._memory) if self._memory else None,
            requests=Requests.joined(self._requests) if self._requests else None,
            chunks=Chunks.joined(self._chunks) if self._chunks else None,
            server_readings=ServerReadings.joined(self._server_readings) if self._server_readings else None,
            operations=Operations.joined(self._operations) if self._operations else None,
            model={**self.model, **self._demands},
            workers=tuple(self.workers),
            notes=(*self._notes_on_weights(), *self.notes),
            failure=self.failure,
            headline=self.headline,
            floor=self._floor,
        )

    @property
    def _facts(self) -> CaseFacts:
        clock = self.workers[0].get("clock") if self.workers else None
        resolution_ns = clock.get("resolution_ns", 0) if isinstance(clock, Mapping) else 0
        ceilings = {} if self.ceilings is None else rate_ceilings(self.case, self._rates, self.ceilings)
        return CaseFacts(self.limits, self._decisions, self._rates, ceilings, resolution_ns)

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

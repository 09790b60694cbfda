"""Which cases of a plan can be tried, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference_bench.errors import PluginError
from inference_bench.orchestration.aggregation import Tally
from inference_bench.orchestration.fetched_weights import FetchedWeights
from inference_bench.orchestration.further_runs import FurtherRuns
from inference_bench.orchestration.jobs import Job
from inference_bench.orchestration.memory_fit import MemoryFit
from inference_bench.orchestration.planning import Prepared
from inference_bench.plan import Case, Group
from inference_bench.result import Failure, Status


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a case is not tried."""

    status: Status
    failure: Failure


class Eligibility:
    """Judges cases by their plugins, their weights, and how similar cases ended.

    Args:
        prepared: the plan and its plugins.
        weights: of its models.
        tallies: case id → what is known of the case so far; read anew for each answer.
        fit: says whether weights fit into memory.
        further: says which cases need a further process.
    """

    def __init__(
        self,
        prepared: Prepared,
        weights: FetchedWeights,
        tallies: Mapping[str, Tally],
        fit: MemoryFit,
        further: FurtherRuns,
    ) -> None:
        self._further = further
        self._fit = fit
        self._prepared = prepared
        self._weights = weights
        self._tallies = tallies

    def applies(self, group: Group) -> bool:
        """Whether any benchmark of a group applies to its model."""
        return any(case.id not in self._prepared.not_applicable for case in group.cases)

    def shortage(self, place: Case | Group) -> str:
        """Return why the full weights of a case's or group's model cannot fit into memory; empty if they can."""
        model = self._prepared.model(place)
        return self._fit.shortage(model, place.setup) if isinstance(model, type) else ""

    def is_alone(self, group: Group) -> bool:
        """Whether a group's load is itself measured: it never loads ahead, and no loader runs while it loads."""
        try:
            return any(self._prepared.benchmark(case).own_process for case in group.cases)
        except PluginError:
            return True

    def refusal(self, case: Case) -> Refusal | None:
        """Return why a case is not tried at all, or None."""
        if case.id in self._prepared.not_applicable:
            return Refusal(Status.NOT_APPLICABLE, Failure(self._prepared.not_applicable[case.id]))
        try:
            self._prepared.benchmark(case)
        except PluginError as error:
            return Refusal(Status.FAILED, Failure(str(error)))
        found = self._weights.of(case)
        if (found is None or found.scale == "full") and (short := self.shortage(case)):
            return Refusal(Status.OOM, Failure(f"not loaded: {short}; --force loads it all the same"))
        unavailable = self._weights.error(case)
        return self.hopeless(case) if unavailable is None else Refusal(Status.FAILED, Failure(str(unavailable)))

    def hopeless(self, case: Case) -> Refusal | None:
        """Return why a case cannot succeed where a similar one ran out of memory, or None."""
        benchmark = self._prepared.benchmark(case)()
        for ended in self._tallies.values():
            other = ended.case
            same = (other.model, other.setup, other.benchmark) == (case.model, case.setup, case.benchmark)
            if ended.status is Status.OOM and same and benchmark.is_hopeless(case, after=other):
                return Refusal(Status.OOM, Failure(f"not tried: {_differing(other, case)} ran out of memory"))
        return None

    def is_needed(self, case: Case, run: int) -> bool:
        """Return whether process number ``run`` of a case, from 0, is to be measured."""
        return self._further.is_needed(case, run)

    def first_ahead(self, job: Job) -> Case | None:
        """Return the case for which a job's model may load ahead of its turn, or None."""
        if self.is_alone(job.group) or self._weights.of(job.group) is None:
            return None
        needed = (case for case in job.group.cases if self.is_needed(case, job.run))
        return next((case for case in needed if self.refusal(case) is None), None)


def _differing(other: Case, case: Case) -> str:
    """Return the parameters of ``other`` that ``case`` does not share, for people."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in other.parameters.items()
        if case.parameters.get(name) != value
    )

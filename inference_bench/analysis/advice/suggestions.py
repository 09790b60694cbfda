"""Which changes each class suggests, and the experiments of a case: best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from inference_bench.analysis.advice.advice import ClassFinding, Experiment, LeftOut, Outcome
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.change import Changes, suggested_by
from inference_bench.analysis.advice.changes_of_attention import fused_attention
from inference_bench.analysis.advice.changes_of_processes import (
    as_many_threads_as_cpus,
    fewer_threads_than_quota,
    files_in_memory,
    half_of_the_rate,
    kept_memory,
    larger_batches,
    without_idle_threads,
)
from inference_bench.analysis.advice.changes_of_steps import (
    another_engine,
    faster_matmul,
    fewer_bytes,
    fewer_operations,
    larger_batch,
    threads_for_arithmetic,
    threads_for_bytes,
)
from inference_bench.analysis.advice.phase import STEPS
from inference_bench.analysis.advice.possible import Possible

SUGGESTIONS: Mapping[str, tuple[Changes, ...]] = {
    "memory_bound": (fewer_bytes, larger_batch, another_engine, threads_for_bytes, fused_attention),
    "compute_bound": (faster_matmul, threads_for_arithmetic, fused_attention),
    "overhead_bound": (fewer_operations, larger_batch, fused_attention),
    "launch_bound": (fewer_operations, larger_batch, fused_attention),
    "oversubscribed": (as_many_threads_as_cpus,),
    "idle_threads": (without_idle_threads,),
    "throttled": (fewer_threads_than_quota,),
    "allocation_churn": (kept_memory,),
    "disk_bound_load": (files_in_memory,),
    "queue_bound": (larger_batches, half_of_the_rate),
}
"""Code of a class → the changes that it suggests; waiting and noisy neighbours are not the set-up's to change."""


_PART = 0.15
"""Least share of a step from which a change of what it is spent on can be told from the noise of a few pairs."""


def suggestions(
    findings: Sequence[ClassFinding], facts: CaseFacts, possible: Possible
) -> tuple[list[Experiment], list[LeftOut]]:
    """Return what the classes of a phase suggest, and what was left out.

    Where no class of a step can be named, what it is partly spent on suggests the same changes, with smaller gains.
    """
    named = [finding for finding in findings if finding.outcome is Outcome.HOLDS]
    if not named and facts.phase.name in STEPS:
        named = [finding for finding in findings if finding.share is not None and finding.share.low > _PART]
    found = [
        suggested_by(finding, change, facts, possible)
        for finding in named
        for changes in SUGGESTIONS.get(finding.code, ())
        for change in changes(facts, possible)
    ]
    experiments = [each for each in found if isinstance(each, Experiment)]
    return experiments, [each for each in found if isinstance(each, LeftOut)]


def best_first(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    """Return each experiment once, the largest certain gain first, counterfactual ones last."""
    first: dict[object, Experiment] = {}
    for experiment in experiments:
        first.setdefault((experiment.command, experiment.metric, experiment.predicted), experiment)
    return tuple(sorted(first.values(), key=lambda each: (each.is_counterfactual, -each.predicted.low)))

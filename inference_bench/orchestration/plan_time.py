"""How long a plan takes, as far as it is known before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inference_bench.errors import PluginError
from inference_bench.model.weights.size import loaded_bytes
from inference_bench.units import GIB, NS_PER_S

if TYPE_CHECKING:
    from inference_bench.benchmark.benchmark import Benchmark
    from inference_bench.model.model import Model
    from inference_bench.orchestration.planning import Prepared
    from inference_bench.plan import Group
    from inference_bench.spec import Setup

_BOOT_S = 0.2
_FRAMEWORK_S = 1.5
"""To import torch and transformers: measured 1.5 to 6 s."""
_BYTES_PER_S = 4 * GIB


def loads_s(prepared: Prepared, groups: Iterable[Group]) -> float:
    """Return the seconds that the loads of these worker processes take at least."""
    return sum(_load_s(prepared.model(group), group.setup) for group in groups)


def round_s(prepared: Prepared) -> float:
    """Return the seconds of one process of every case: its load at least, its budget at most.

    Cases that go by items have no budget and count as nothing.
    """
    plan = prepared.plan
    groups = [group for number, group in plan.worker_runs() if number == 0]
    cases = [case for group in groups for case in group.cases if case.id not in prepared.not_applicable]
    timed = [case for case in cases if not goes_by_items(prepared.benchmarks[case.model][case.benchmark])]
    return loads_s(prepared, groups) + len(timed) * plan.limits.budget_ns / NS_PER_S


def goes_by_items(benchmark: type[Benchmark] | PluginError) -> bool:
    """Return whether a benchmark works through the items of a data set, which no budget limits."""
    return isinstance(benchmark, type) and not benchmark.targets and not benchmark.own_process


def _load_s(model: type[Model] | PluginError, setup: Setup) -> float:
    """Return the seconds that a load takes at least, on a fast machine with the files in memory."""
    if isinstance(model, PluginError):
        return 0.0
    if not model.loads_weights(setup.weights):
        return _BOOT_S
    weights_bytes = loaded_bytes(model, setup) if setup.scale == "full" else 0
    return _BOOT_S + _FRAMEWORK_S + weights_bytes / _BYTES_PER_S

"""The weights of a share, on the disk of its node before its run begins: a node that cannot have them is refused."""

from __future__ import annotations

from collections.abc import Callable

from inference_bench.errors import WeightsError
from inference_bench.machine.interruption import Interruption
from inference_bench.orchestration.fetched_weights import FetchedWeights
from inference_bench.orchestration.memory_fit import MemoryFit
from inference_bench.orchestration.planning import Prepared
from inference_bench.plan import Group


async def fetch_weights(prepared: Prepared, say: Callable[[str], None], *, force: bool = False) -> None:
    """Fetch what a share needs and this node lacks; a share that lacks some of it goes on with the rest, as any run.

    Args:
        prepared: the plan of the share.
        say: called with what is downloaded, from another thread.
        force: as for ``run_benchmarks``.

    Raises:
        WeightsError: nothing of it can be had here.
    """
    weights, fit = FetchedWeights(prepared), MemoryFit(force=force)
    groups = [group for group in prepared.plan.groups if _is_wanted(prepared, fit, group)]
    for group in groups:
        await weights.fetch(group, say, Interruption())
    errors = [error for group in groups if (error := weights.error(group.cases[0])) is not None]
    if groups and len(errors) == len(groups):
        raise WeightsError(str(errors[0]))


def _is_wanted(prepared: Prepared, fit: MemoryFit, group: Group) -> bool:
    """Return whether the weights of a group are fetched: a benchmark applies, the model loads, and memory suffices."""
    model = prepared.model(group)
    applies = any(case.id not in prepared.not_applicable for case in group.cases)
    return applies and isinstance(model, type) and not fit.shortage(model, group.setup)

"""The text of ``run --dry-run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.cli._columns import aligned
from inference_bench.errors import PluginError, WeightsError
from inference_bench.model.weights.cache import cache_dir, find
from inference_bench.model.weights.origins import origins_of
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inference_bench.model.model import Model
    from inference_bench.orchestration.planning import Prepared
    from inference_bench.plan import Case, Group, Plan
    from inference_bench.spec import Setup


def plan_lines(prepared: Prepared, output: Path) -> Iterator[str]:
    """Yield the plan: cases by worker process, weights, limits and the output folder."""
    plan = prepared.plan
    workers = len(list(plan.worker_runs()))
    yield f"{_count(len(plan.cases), 'case')} in {_count(workers, 'worker process', 'es')}; nothing was measured"
    for group in plan.groups:
        yield ""
        yield _setup(group)
        yield from aligned([_case(case, prepared) for case in group.cases], indent="  ")
    yield ""
    yield from aligned([*_weights(prepared), ("limits", _limits(plan)), ("output", f"{output}/<UTC time>-<id>")])


def broken_plugins(prepared: Prepared) -> list[PluginError]:
    """Return the errors of models and benchmarks of the plan that cannot be used."""
    benchmarks = (of for of_model in prepared.benchmarks.values() for of in of_model.values())
    return [plugin for plugin in (*prepared.models.values(), *benchmarks) if isinstance(plugin, PluginError)]


def _setup(group: Group) -> str:
    setup = group.setup
    return f"{group.model}, {setup.device}, {setup.dtype}, {_count(setup.threads, 'thread')}"


def _case(case: Case, prepared: Prepared) -> tuple[str, ...]:
    parameters = " ".join(f"{name}={value}" for name, value in case.parameters.items())
    runs = prepared.plan.runs[case.id]
    why_not = prepared.not_applicable.get(case.id)
    remark = f"not applicable: {why_not}" if why_not else f"{runs} times" if runs > 1 else ""
    return case.benchmark, parameters, case.id, remark


def _weights(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """Yield one row per model: all set-ups of a plan name the same source."""
    setup = prepared.plan.cases[0].setup
    planned = {case.model for case in prepared.plan.cases}
    for name, model in prepared.models.items():
        if name not in planned:
            continue  # its weights are those of another model, under whose name it is measured
        if isinstance(model, type):
            yield "weights", f"{name}: {_weights_of(model, setup)}"


def _weights_of(model: type[Model], setup: Setup) -> str:
    """Return where a model's weights would come from, from the cache alone, without network access."""
    if not model.needs_weights:
        return "needs none"
    if setup.weights == "random":
        return f"RANDOM, {setup.scale} size, seed {setup.seed}"
    origins = origins_of(model)
    if setup.weights not in ("auto", "any", "cache", *(origin.source for origin in origins)):
        return setup.weights
    wanted = [origin for origin in origins if setup.weights in ("auto", "any", "cache", origin.source)]
    for origin in wanted:
        try:
            entry = find(origin.key)
        except WeightsError as error:
            return str(error)
        if entry is not None:
            return f"{entry.label}, in the cache {cache_dir()}"
    if setup.weights == "cache":
        return f"not in the cache {cache_dir()}: would fail"
    return "not in the cache; to be fetched from " + ", else ".join(f"{o.source} {o.key}" for o in wanted)


def _limits(plan: Plan) -> str:
    limits = plan.limits
    budget_s = limits.budget_ns / NS_PER_S
    at_most_s = plan.measurements * budget_s
    return (
        f"a case ends when the median's 95 % interval is at most {100 * limits.relative_width:g} % of it, after at "
        f"least {_count(limits.min_samples, 'sample')}, or after {budget_s:g} s; {at_most_s:g} s in all"
    )


def _count(number: int, noun: str, ending: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else ending}"

"""The text of ``run --dry-run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.serving.share import needed_requests
from inference_bench.cli._columns import aligned
from inference_bench.errors import PluginError, WeightsError
from inference_bench.model.weights.cache import cache_dir, find
from inference_bench.model.weights.origins import origins_of
from inference_bench.model.weights.references import OWN, shown_path
from inference_bench.model.weights.resolution import no_weights
from inference_bench.orchestration.memory_fit import MemoryFit
from inference_bench.orchestration.plan_time import goes_by_items, loads_s
from inference_bench.slo import parse_slo
from inference_bench.spec import OWN_ENGINE
from inference_bench.units import NS_PER_S, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.model.model import Model
    from inference_bench.orchestration.planning import Prepared
    from inference_bench.plan import Case, Group, Plan
    from inference_bench.results.storage import Folder
    from inference_bench.spec import Setup


def plan_lines(prepared: Prepared, output: Folder, slos: Sequence[str] = ()) -> Iterator[str]:
    """Yield the plan: cases by worker process, weights, limits, what objectives need, and the output folder."""
    plan = prepared.plan
    fewest, most = len(_workers(plan, least=True)), len(_workers(plan))
    workers = _count(most, "worker process", "es") if fewest == most else f"{fewest} to {most} worker processes"
    yield f"{_count(len(plan.cases), 'case')} in {workers}; nothing was measured"
    for group in plan.groups:
        yield ""
        yield _setup(group)
        yield from aligned([_case(case, prepared) for case in group.cases], indent="  ")
    yield ""
    limits = [("limits", _limits(plan)), ("time", _time(prepared)), *_slos(plan, slos)]
    rows = [*limits, ("output", str(output / "<UTC time>-<id>"))]
    yield from aligned([*_weights(prepared), *rows])


def broken_plugins(prepared: Prepared) -> list[PluginError]:
    """Return the errors of models and benchmarks of the plan that cannot be used."""
    benchmarks = (of for of_model in prepared.benchmarks.values() for of in of_model.values())
    return [plugin for plugin in (*prepared.models.values(), *benchmarks) if isinstance(plugin, PluginError)]


def _setup(group: Group) -> str:
    setup = group.setup
    engine = "" if setup.engine == OWN_ENGINE else f", in {setup.engine}"
    return f"{group.model}, {setup.device}, {setup.dtype}, {_count(setup.threads, 'thread')}{engine}"


def _case(case: Case, prepared: Prepared) -> tuple[str, ...]:
    parameters = " ".join(f"{name}={value}" for name, value in case.parameters.items())
    least, most = prepared.plan.least_runs[case.id], prepared.plan.runs[case.id]
    why_not = prepared.not_applicable.get(case.id)
    times = f"{least} to {most} times" if least < most else f"{most} times" if most > 1 else ""
    remark = f"not applicable: {why_not}" if why_not else times
    return case.benchmark, parameters, case.id, remark


def _weights(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """Yield one row per model: all set-ups of a plan name the same source."""
    fit = MemoryFit()
    planned = {case.model for case in prepared.plan.cases}
    for name, model in prepared.models.items():
        if name not in planned:
            continue  # its weights are those of another model, under whose name it is measured
        if isinstance(model, type):
            setups = dict.fromkeys(group.setup for group in prepared.plan.groups if group.model == name)
            yield "weights", f"{name}: {_weights_of(model, next(iter(setups)))}"
            for setup in setups:
                if short := fit.shortage(model, setup):
                    yield "memory", f"{short}: would not be loaded without --force"


def _weights_of(model: type[Model], setup: Setup) -> str:
    """Return where a model's weights would come from, from the cache alone, without network access."""
    if not model.loads_weights(setup.weights):
        return no_weights(model).label
    if setup.weights == "random":
        return f"RANDOM, {setup.scale} size, seed {setup.seed}"
    own = model.local_path()
    if own is not None and setup.weights in OWN:
        return f"local {shown_path(own)}"
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
    where = "over its processes " if max(plan.runs.values()) > 1 else ""
    return (
        f"a case ends when the 95 % interval {where}reaches at most ±{50 * limits.relative_width:g} % of the median; a "
        f"process takes {_count(limits.min_samples, 'sample')} or more, in {limits.budget_ns / NS_PER_S:g} s at most"
    )


def _slos(plan: Plan, slos: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield how many requests each objective needs, beside how many each case sends."""
    requests = {case.id: case.integer("requests") for case in plan.cases if "requests" in case.parameters}
    fewest = min((requests[case] * plan.least_runs[case] for case in requests), default=0)
    for slo in map(parse_slo, slos):
        needed = needed_requests(slo.share)
        assert needed is not None
        text = f"{slo.text}: a PASS needs {counted(needed, 'request')} if all are good, more if they queue"
        lack = f"a case plans {fewest:,}: raise -a requests=N or --runs N" if fewest < needed else ""
        yield "objective", "; ".join(filter(None, [text, lack]))


def _workers(plan: Plan, *, least: bool = False) -> list[Group]:
    """Return the group of each worker process of a plan, of those that it takes at most or at least."""
    runs = plan.least_runs if least else plan.runs
    return [group for run, group in plan.worker_runs() if any(run < runs[case.id] for case in group.cases)]


def _time(prepared: Prepared) -> str:
    """Return what the plan takes at least, and what comes on top of it."""
    plan = prepared.plan
    loads = _workers(plan, least=True)
    tried = [case for case in plan.cases if case.id not in prepared.not_applicable]
    by_items = {case.id: case for case in tried if goes_by_items(prepared.benchmarks[case.model][case.benchmark])}
    budgeted = [case for case in tried if case.id not in by_items]
    budget_s = plan.limits.budget_ns / NS_PER_S
    least_s, most_s = (sum(runs[case.id] for case in budgeted) * budget_s for runs in (plan.least_runs, plan.runs))
    text = f"at least {loads_s(prepared, loads):.0f} s for {_count(len(loads), 'load')}"
    if budgeted:
        span = f"{least_s:g} to " if least_s < most_s else "up to "
        text += f"; {span}{most_s:g} s to sample, and each case's first iterations on top"
    if by_items:
        names = ", ".join(dict.fromkeys(case.benchmark for case in by_items.values()))
        text += f"; as long as {names} take: --budget does not end them"
    return f"{text}; --case-limit ends a case after {plan.limits.case_ns / NS_PER_S:g} s"


def _count(number: int, noun: str, ending: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else ending}"

"""Which cases of a plan are refused before anything is measured, and why."""

from __future__ import annotations

from itertools import groupby

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import InvalidValueError, NotApplicableError, UsageError
from inference_bench.extras import require
from inference_bench.machine.device import check_device
from inference_bench.model.engine.engine import in_engine
from inference_bench.model.model import Model
from inference_bench.orchestration.plan_plugins import Plugins
from inference_bench.plan import NO_MODEL, Case, Plan
from inference_bench.spec import OWN_ENGINE, Setup, Spec


def refused_cases(spec: Spec, plan: Plan, plugins: Plugins, *, here: bool) -> dict[str, str]:
    """Check every case and return case id → why its benchmark does not apply to its model.

    Args:
        spec: what is asked for.
        plan: its cases.
        plugins: that they use.
        here: whether this machine is to measure: what it lacks is then refused, too.

    Raises:
        UsageError: a value or set-up that is not allowed; of several engines, only if none can measure anything.
    """
    refused = {}
    several = len({case.setup.engine for case in plan.cases if case.model != NO_MODEL}) > 1
    for (name, setup), group in groupby(plan.cases, key=lambda case: (case.model, case.setup)):
        cases, own = tuple(group), plugins.models[name]
        model = plugins.model(cases[0])
        if not (isinstance(own, type) and isinstance(model, type)):
            continue
        unusable = _unusable(own, model, setup, here=here)
        for case in cases:
            benchmark = plugins.benchmarks[name][case.benchmark]
            if not isinstance(benchmark, type):
                continue
            try:
                if unusable is not None:
                    raise unusable
                _check(benchmark, model, case, is_inline=spec.isolation == "inline")
            except NotApplicableError as error:
                refused[case.id] = str(error)
            except UsageError as error:
                if not several:
                    raise
                # Of several engines, one that lacks a package or a dtype must not stop the others.
                refused[case.id] = str(error)
    if plan.cases and several and len(refused) == len(plan.cases):
        raise UsageError("no engine can measure anything: " + "; ".join(dict.fromkeys(refused.values())))
    return refused


def _unusable(
    own: type[Model], model: type[Model], setup: Setup, *, here: bool
) -> NotApplicableError | UsageError | None:
    """Return why a set-up of a model cannot be measured at all, or None.

    Args:
        own: the class of the model's own file.
        model: the class that loads it in the engine of the set-up.
        setup: of cases.
        here: whether this machine is to measure it.
    """
    try:
        in_engine(own, setup.engine)
        if here:
            _check_machine(model, setup)
        _check_setup(model, setup)
    except (NotApplicableError, UsageError) as error:
        return error
    return None


def _check_setup(model: type[Model], setup: Setup) -> None:
    """Refuse a set-up that a model does not have.

    Raises:
        InvalidValueError: a device or dtype that the model does not have.
    """
    where = _engine_in_words(setup)
    if setup.device.split(":")[0] not in model.devices:
        raise InvalidValueError(f"device of {model.name}{where}", setup.device, "one of " + ", ".join(model.devices))
    if setup.dtype not in model.dtypes:
        raise InvalidValueError(f"dtype of {model.name}{where}", setup.dtype, "one of " + ", ".join(model.dtypes))


def _check_machine(model: type[Model], setup: Setup) -> None:
    """Refuse a set-up that needs what this machine lacks.

    Raises:
        UsageError: a package is not installed, or there is no such device.
    """
    where = _engine_in_words(setup)
    require(f"{model.name}{where}" if where else f"model {model.name}", model.requires, model.install)
    if model.runs_here:
        check_device(setup.device)


def _engine_in_words(setup: Setup) -> str:
    return "" if setup.engine == OWN_ENGINE else f" in {setup.engine}"


def _check(benchmark: type[Benchmark], model: type[Model], case: Case, *, is_inline: bool) -> None:
    """Refuse what cannot be measured.

    Raises:
        UsageError: a value is outside of what the model or benchmark allows.
        NotApplicableError: the benchmark does not apply to this model, or not in this process.
    """
    benchmark().check(model, case)
    if is_inline and benchmark.own_process:
        raise NotApplicableError(f"{benchmark.name} needs a process of its own, and isolation is inline")

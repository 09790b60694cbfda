"""From a spec to a plan that can be carried out: names resolved, cases planned, values checked, no model loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from inference_bench.analysis.serving.request_figures import LATENCY
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import BenchmarkFile, find_benchmarks, load_benchmark
from inference_bench.errors import InvalidValueError, PluginError, UnknownNameError
from inference_bench.model.discovery import ModelFile, find_models, load_model, resolve_models
from inference_bench.model.engine.engine import check_engine
from inference_bench.model.model import Model
from inference_bench.model.weights.identity import measured_name
from inference_bench.model.weights.references import names_place
from inference_bench.model.weights.resolution import check_own_weights
from inference_bench.orchestration.case_checks import refused_cases
from inference_bench.orchestration.plan_plugins import Plugins
from inference_bench.plan import NO_MODEL, Plan, make_plan
from inference_bench.spec import OWN_ENGINE, Axis, Setup, Spec, setups_as_served

_LOADS_WEIGHTS = "Leave --weights out, or write a `load` that reads weights.path, without needs_weights = False."

F = TypeVar("F", ModelFile, BenchmarkFile)
T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Prepared(Plugins):
    """A spec with every name resolved and every value checked.

    Attributes:
        plan: the ordered cases.
        not_applicable: case id → why its benchmark does not apply to its model.
    """

    plan: Plan
    not_applicable: Mapping[str, str]


def prepare(
    spec: Spec, models_dirs: Sequence[Path] = (), benchmarks_dirs: Sequence[Path] = (), *, here: bool = True
) -> Prepared:
    """Resolve the names of a spec, plan its cases, and check each: all that can be known before a model is loaded.

    Args:
        spec: what is asked for.
        models_dirs: further folders of models.
        benchmarks_dirs: further folders of benchmarks.
        here: whether this machine is to measure: its devices, packages and weights are then checked, too.

    Raises:
        UsageError: a name that does not exist, a value that a model or benchmark does not allow, or something that
            this machine lacks.
    """
    for setup in spec.setups:
        check_engine(setup.engine)
    plugins = find_plugins(spec, models_dirs, benchmarks_dirs)
    _check_weights(spec, plugins, here=here)
    setups = {name: _setups(spec, plugins, name) for name in spec.models}
    names = {(name, setup): _measured_name(plugins, name, setup) for name, of in setups.items() for setup in of}
    plugins = _under(plugins, {measured: name for (name, _), measured in names.items()})
    plan = make_plan(
        spec,
        {name: _planned(plugins, name) for name in spec.models},
        lambda name, setup: names[name, setup],
        setups.__getitem__,
    )
    plugins = _for_plan(plugins, plan)
    _check_slos(spec, plan, plugins)
    _check_breakdown(spec, plugins)
    refused = refused_cases(spec, plan, plugins, here=here)
    return Prepared(plugins.files, plugins.models, plugins.benchmarks, plugins.benchmark_files, plan, refused)


def axes_of_models(
    spec: Spec, models_dirs: Sequence[Path] = (), benchmarks_dirs: Sequence[Path] = ()
) -> dict[str, frozenset[str]]:
    """Return model → the axes that the benchmarks of a spec have for it.

    Raises:
        UsageError: a name that does not exist.
    """
    plugins = find_plugins(spec, models_dirs, benchmarks_dirs)
    return {name: frozenset(axis.name for of in _planned(plugins, name) for axis in of.axes) for name in spec.models}


def _check_slos(spec: Spec, plan: Plan, plugins: Plugins) -> None:
    """Refuse objectives that no case of the plan can be judged by.

    Raises:
        InvalidValueError: no benchmark of the plan sends requests.
    """
    if spec.slos and not any(LATENCY in plugins.headline(case) for case in plan.cases):
        advice = "Add --benchmark serving_load."
        raise InvalidValueError("--slo", spec.slos[0], "a benchmark that sends requests", advice)


def _check_breakdown(spec: Spec, plugins: Plugins) -> None:
    """Refuse a breakdown where no case of the plan has steps to look into.

    Raises:
        InvalidValueError: no benchmark of the plan has steps.
    """
    used = {name: plugin for of_model in plugins.benchmarks.values() for name, plugin in of_model.items()}
    has_steps = any(isinstance(of, type) and of.steps is not Benchmark.steps for of in used.values())
    if spec.breakdown and not has_steps:
        advice = "Add --benchmark inference_speed."
        raise InvalidValueError("--breakdown", f"with {', '.join(used)}", "a benchmark that has steps", advice)


def _for_plan(plugins: Plugins, plan: Plan) -> Plugins:
    """Return the plugins that a plan uses; the null model takes the benchmarks that need no model."""
    used = dict.fromkeys(case.model for case in plan.cases)
    models, benchmarks, files = dict(plugins.models), dict(plugins.benchmarks), dict(plugins.benchmark_files)
    if NO_MODEL in used:
        models.setdefault(NO_MODEL, _or_error(load_model, plugins.files[NO_MODEL]))
        names = {case.benchmark for case in plan.cases if case.model == NO_MODEL}
        benchmarks[NO_MODEL] = _first_of(names, NO_MODEL, benchmarks)
        files[NO_MODEL] = _first_of(names, NO_MODEL, files)
    return Plugins(
        plugins.files,
        {name: models[name] for name in used},
        {name: benchmarks[name] for name in used},
        {name: files[name] for name in used},
    )


def _first_of(names: Collection[str], model: str, found: Mapping[str, Mapping[str, V]]) -> dict[str, V]:
    """Return what is found under each name: a model's own, or else that of any model."""
    places = [found.get(model, {}), *found.values()]
    return {name: next(place[name] for place in places if name in place) for name in names}


def find_plugins(spec: Spec, models_dirs: Sequence[Path] = (), benchmarks_dirs: Sequence[Path] = ()) -> Plugins:
    """Return the models and benchmarks that a spec names; one that cannot be imported is kept as its error.

    Raises:
        UnknownNameError: no such model or benchmark.
        UsageError: a folder that does not exist, or two plugins of one name.
    """
    known = find_models(models_dirs)
    files = known | resolve_models(spec.models, known)
    models = {name: _or_error(load_model, files[name]) for name in spec.models}
    benchmark_files: dict[str, Mapping[str, BenchmarkFile]] = {
        name: find_benchmarks(files[name], benchmarks_dirs) for name in spec.models
    }
    benchmarks: dict[str, Mapping[str, type[Benchmark] | PluginError]] = {
        name: _chosen(spec, of_model) for name, of_model in benchmark_files.items()
    }
    all_benchmarks = {name for of_model in benchmark_files.values() for name in of_model}
    for name in spec.benchmarks:
        if name not in all_benchmarks:
            raise UnknownNameError("benchmark", name, all_benchmarks)
    return Plugins(files, models, benchmarks, benchmark_files)


def _check_weights(spec: Spec, plugins: Plugins, *, here: bool) -> None:
    """Refuse a model whose own place of weights holds none ``here``, and weights that no model loads.

    Raises:
        UsageError: there is one.
    """
    models = [plugins.models[name] for name in spec.models]
    for setup in spec.setups:
        for model in models:
            if here and isinstance(model, type):
                check_own_weights(model, setup)
        if names_place(setup.weights) and not any(_may_load(model, setup.weights) for model in models):
            raise InvalidValueError("weights", setup.weights, f"none: {_verb(spec.models)} no weights", _LOADS_WEIGHTS)


def _may_load(model: type[Model] | PluginError, weights: str) -> bool:
    return isinstance(model, PluginError) or model.loads_weights(weights)


def _verb(models: Sequence[str]) -> str:
    return f"{', '.join(models)} {'loads' if len(models) == 1 else 'load'}"


def _setups(spec: Spec, plugins: Plugins, name: str) -> tuple[Setup, ...]:
    model = plugins.models[name]
    if isinstance(model, PluginError):
        return spec.setups
    if not model.runs_here:
        return setups_as_served(spec.setups)
    return tuple(dict.fromkeys(_in_own_engine(model, setup) for setup in spec.setups))


def _in_own_engine(model: type[Model], setup: Setup) -> Setup:
    """Return a set-up in which the engine of the model's own class goes by one name, as cases are known by it."""
    return replace(setup, engine=OWN_ENGINE) if setup.engine == model.engine else setup


def _measured_name(plugins: Plugins, name: str, setup: Setup) -> str:
    model = plugins.models[name]
    if isinstance(model, type) and model.loads_weights(setup.weights):
        return measured_name(model, setup.weights)
    return plugins.files[name].name


def _under(plugins: Plugins, names: Mapping[str, str]) -> Plugins:
    """Return the plugins under the names that their figures go under: name → that of its model."""
    return Plugins(
        plugins.files | {name: plugins.files[model] for name, model in names.items()},
        plugins.models | {name: plugins.models[model] for name, model in names.items()},
        plugins.benchmarks | {name: plugins.benchmarks[model] for name, model in names.items()},
        plugins.benchmark_files | {name: plugins.benchmark_files[model] for name, model in names.items()},
    )


def _or_error(load: Callable[[F], type[T]], file: F) -> type[T] | PluginError:
    try:
        return load(file)
    except PluginError as error:
        return error


def _chosen(spec: Spec, files: Mapping[str, BenchmarkFile]) -> dict[str, type[Benchmark] | PluginError]:
    """Return a model's benchmarks that the spec asks for, by name, in its order or that of the suite."""
    if spec.suite is None:
        return {name: _or_error(load_benchmark, files[name]) for name in spec.benchmarks if name in files}
    found = {name: _or_error(load_benchmark, file) for name, file in files.items()}
    # A file that cannot be imported may belong to this suite: its error must be reported.
    return {name: of for name, of in found.items() if isinstance(of, PluginError) or spec.suite in of.suites}


@dataclass(frozen=True, slots=True)
class _Planned:
    """What ``plan.make_plan`` needs to know of a benchmark; the defaults stand for one that cannot be used."""

    name: str
    axes: tuple[Axis, ...] = ()
    own_process: bool = False
    processes: int = 1
    needs_model: bool = True
    repeats: bool = True


def _planned(plugins: Plugins, model: str) -> list[_Planned]:
    """Return a model's benchmarks with the axes that they have for it; one that is broken gets one case."""

    def planned(name: str, of: type[Benchmark] | PluginError) -> _Planned:
        if isinstance(of, PluginError):
            return _Planned(name)
        model_class = plugins.models[model]
        axes = of.axes_for(model_class) if isinstance(model_class, type) else of.axes
        path, folder = plugins.benchmark_files[model][name].path, plugins.files[model].folder
        is_own = path is not None and folder in path.parents
        return _Planned(name, axes, of.own_process, of.processes, of.needs_model or is_own, of.repeats)

    return [planned(name, of) for name, of in plugins.benchmarks[model].items()]

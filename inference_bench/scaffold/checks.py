"""Check a model's folder: names, the model's class, its benchmarks. Each check yields flaws."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import KINDS, BenchmarkFile, load_benchmark
from inference_bench.benchmarks._call_checks import check_call
from inference_bench.errors import InvalidValueError, PluginError
from inference_bench.machine.device import device_kinds
from inference_bench.metrics import METRICS
from inference_bench.model.discovery import ModelFile, load_model
from inference_bench.model.model import ABILITIES, Model
from inference_bench.model.weights.references import HubWeights, PackageWeights
from inference_bench.plan import Case
from inference_bench.scaffold.skeleton import check_name
from inference_bench.spec import DTYPES, SUITES, Axis, Setup

_FRAMEWORKS = ("torch", "transformers", "tensorflow", "jax", "onnxruntime", "vllm", "accelerate", "safetensors")

_A_METHOD = ", or ".join(f"{method}()" for method, *_ in ABILITIES.values())


@dataclass(frozen=True, slots=True)
class Flaw:
    """One violation of the plugin interface.

    Attributes:
        where: the file or folder.
        problem: what was found.
        fix: how to fix it.
    """

    where: str
    problem: str
    fix: str


def flaws(file: ModelFile) -> Iterator[Flaw]:
    """Yield the flaws of a model's folder; imports its files."""
    yield from _check_folder(file)
    yield from _check_model(file)
    yield from _check_benchmarks(own_benchmarks(file))


def _check_folder(file: ModelFile) -> Iterator[Flaw]:
    """Check names only."""
    folder = file.path.parent
    try:
        check_name("model", file.name)
    except InvalidValueError as error:
        yield Flaw(str(folder), str(error), "rename the folder")
    benchmarks = folder / "benchmarks"
    for path in sorted(benchmarks.glob("*")):
        if path.is_dir() and path.name not in (*KINDS, "__pycache__"):
            yield Flaw(str(path), "unknown kind of benchmark", f"move its files into one of {', '.join(KINDS)}")
        elif path.suffix == ".py" and not path.name.startswith("_"):
            yield Flaw(
                str(path),
                "a benchmark outside of a kind's folder",
                f"`migrate {folder.parent}` copies it there; then delete it",
            )
    seen: dict[str, Path] = {}
    for path in sorted(path for kind in KINDS for path in (benchmarks / kind).glob("*.py")):
        if not path.name.startswith(("benchmark_", "_")):
            yield Flaw(str(path), "ignored: its name does not begin with benchmark_", "rename it")
        elif path.name in seen and not path.name.startswith("_"):
            yield Flaw(str(path), f"has the same name as {seen[path.name]}", "rename one of the two")
        seen[path.name] = path


def _check_model(file: ModelFile) -> Iterator[Flaw]:
    before = _loaded_frameworks()
    try:
        model = load_model(file)
    except PluginError as error:
        yield Flaw(str(file.path), str(error), "one subclass of Model, importable without its framework")
        return
    yield from _late_imports(file.path, before)
    yield from _check_load(file, model)
    yield from _check_metadata(file, model)
    yield from _check_abilities(file, model)
    yield from _check_call(file, model)


def _check_load(file: ModelFile, model: type[Model]) -> Iterator[Flaw]:
    expected = list(inspect.signature(Model.load).parameters)
    given = inspect.signature(model.load).parameters.values()
    positional = [of.name for of in given if of.kind in (of.POSITIONAL_ONLY, of.POSITIONAL_OR_KEYWORD)]
    if len(positional) != len(expected) and not any(of.kind is of.VAR_POSITIONAL for of in given):
        yield _wrong(file, f"load({', '.join(positional)})", f"declare load({', '.join(expected)})")


def _check_metadata(file: ModelFile, model: type[Model]) -> Iterator[Flaw]:
    for name in ("title", "description", "license"):
        if not (isinstance(getattr(model, name), str) and getattr(model, name).strip()):
            yield _wrong(file, f"{name} is {getattr(model, name)!r}", f'state it: {name} = "…"')
    least_length = 1 if model.reads_text() else 0
    for name, least in (("max_input_length", least_length), ("parameters", 1 if model.needs_weights else 0)):
        value = getattr(model, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            yield _wrong(file, f"{name} is {value!r}", f"state it as a whole number of at least {least}")
    for name, known in (("devices", device_kinds()), ("dtypes", DTYPES), ("abilities", ABILITIES)):
        value = getattr(model, name)
        if name == "abilities" and value == ():
            yield _wrong(file, "abilities is ()", f"write {_A_METHOD}")
        elif not isinstance(value, tuple) or not value or not set(value) <= set(known):
            yield _wrong(file, f"{name} is {value!r}", f"a tuple of some of {', '.join(known)}")
    for name, of in (("hub", HubWeights), ("package", PackageWeights)):
        value = getattr(model, name)
        if value is not None and not isinstance(value, of):
            yield _wrong(file, f"{name} is {value!r}", f"{of.__name__}(…), or None")


def _check_abilities(file: ModelFile, model: type[Model]) -> Iterator[Flaw]:
    stated: Any = model.abilities
    if not isinstance(stated, tuple) or not stated:
        return  # reported with the metadata
    for ability, (method, *_) in ABILITIES.items():
        has = getattr(model, method) is not getattr(Model, method)
        if ability in stated and not has:
            yield _wrong(file, f"declares the ability {ability} but has no {method}()", f"write {method}(), or drop it")
        if method in vars(model) and ability not in stated:  # an inherited method is no claim
            yield _wrong(
                file, f"has {method}() but does not declare the ability {ability}", f"add {ability!r} to abilities"
            )


def _check_call(file: ModelFile, model: type[Model]) -> Iterator[Flaw]:
    """Check what a call gets, and the axes of its inputs."""
    axes: Any = model.call_axes
    if not isinstance(axes, tuple) or not all(isinstance(axis, Axis) and axis.default for axis in axes):
        yield _wrong(file, f"call_axes is {axes!r}", 'a tuple of Axis("name", (value, …)), each with a value')
    if "call" not in model.abilities or model.call is Model.call:
        return
    try:
        check_call(model, Case(file.name, "", Setup()))
    except InvalidValueError as error:
        yield _wrong(file, str(error), "declare inputs(self, case) and call(self, inputs)")


def own_benchmarks(file: ModelFile) -> list[Path]:
    """Return the files of a model's own benchmarks."""
    return sorted(path for kind in KINDS for path in (file.path.parent / "benchmarks" / kind).glob("benchmark_*.py"))


def _check_benchmarks(paths: Sequence[Path]) -> Iterator[Flaw]:
    for path in paths:
        before = _loaded_frameworks()
        try:
            benchmark = load_benchmark(BenchmarkFile(path.stem.removeprefix("benchmark_"), path))
        except PluginError as error:
            yield Flaw(str(path), str(error), "one subclass of Benchmark, or one @benchmark function")
            continue
        yield from _late_imports(path, before)
        yield from (Flaw(str(path), problem, fix) for problem, fix in _flaws_of_benchmark(benchmark))


def _flaws_of_benchmark(benchmark: type[Benchmark]) -> Iterator[tuple[str, str]]:
    """Yield (problem, fix)."""
    if inspect.isabstract(benchmark):
        yield f"{benchmark.__name__} has no measure()", "write measure(self, model, case, measurement)"
    if not benchmark.title:
        yield "title is empty", 'state it: title = "…"'
    if not benchmark.suites or not set(benchmark.suites) <= set(SUITES):
        yield f"suites is {benchmark.suites!r}", f"a tuple of some of {', '.join(SUITES)}"
    axes: Sequence[Any] = benchmark.axes  # as the plugin wrote it
    for axis in axes:
        if not isinstance(axis, Axis) or not axis.default:
            yield f"axes holds {axis!r}", "Axis(name, (value, …)) with at least one value"
    unknown = sorted({*benchmark.targets, *benchmark.headline} - set(METRICS))
    if unknown:
        yield f"unknown metrics: {', '.join(unknown)}", "use those of `list metrics`"


def _loaded_frameworks() -> set[str]:
    return {name for name in _FRAMEWORKS if name in sys.modules}


def _late_imports(path: Path, before: set[str]) -> Iterator[Flaw]:
    early = sorted(_loaded_frameworks() - before)
    if early:
        yield Flaw(str(path), f"importing it imports {', '.join(early)}", "import them inside load() or measure()")


def _wrong(file: ModelFile, problem: str, fix: str) -> Flaw:
    return Flaw(str(file.path), problem, fix)

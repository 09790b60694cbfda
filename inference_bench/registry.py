"""Finding plugins by name: a file in a package, a folder under ``models/``, or an entry point.

A benchmark may also be a file of a model's own, ``models/<name>/benchmarks/<kind>/benchmark_<benchmark>.py``. One that
bears the name of a standard benchmark takes its place for this model; any other is a benchmark that only it has.

Nothing is imported until it is asked for, so listing names stays cheap and one broken plugin harms no other.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import InvalidValueError, PluginError, UnknownNameError
from inference_bench.model.model import Model

T = TypeVar("T")


def names_in(package: str) -> list[str]:
    """Return the names of a package's plugin modules, sorted; private ones are left out."""
    module = importlib.import_module(package)
    return sorted(info.name for info in iter_modules(module.__path__) if not info.name.startswith("_"))


def load_class(kind: str, package: str, name: str, base: type[T]) -> type[T]:
    """Import ``package.name``, or the entry point of this name in the package's group, and return its class.

    The group is named after the last word of the package: ``inference_bench.devices`` for
    ``inference_bench.machine.devices``.

    Raises:
        UnknownNameError: no such plugin.
        PluginError: it has no single subclass of ``base`` or cannot be imported.
    """
    names = names_in(package)
    # Looking through every installed distribution takes some 10 ms: only for what is not here.
    outside = {} if name in names else {point.name: point for point in entry_points(group=_group(package))}
    if name not in names and name not in outside:
        raise UnknownNameError(kind, name, [*names, *outside])
    found: Any
    try:
        found = importlib.import_module(f"{package}.{name}") if name in names else outside[name].load()
    except Exception as error:
        raise PluginError(f"{kind} {name!r} cannot be imported: {error!r}") from error
    return found if isinstance(found, type) and issubclass(found, base) else _the_class(found, base, kind, name)


def _the_class(module: ModuleType, base: type[T], kind: str, name: str) -> type[T]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise PluginError(
            f"{kind} {name!r}: {module.__file__} must define exactly one {base.__name__} subclass; found {names}."
        )
    found[0].name = name  # type: ignore[attr-defined]
    return found[0]


def _group(package: str) -> str:
    return f"inference_bench.{package.rpartition('.')[2]}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """Where a model plugin lives."""

    name: str
    path: Path


def models_root() -> Path | None:
    """Return the ``models/`` folder: of the source tree if this is one, else the installed one."""
    import inference_bench

    folders = [Path(folder) for folder in inference_bench.__path__]
    candidates = [folder.parent / "models" for folder in folders if (folder.parent / "pyproject.toml").is_file()]
    candidates += [folder / "models" for folder in folders]
    return next((folder for folder in candidates if folder.is_dir()), None)


def find_models(extra: Iterable[Path] = ()) -> dict[str, ModelFile]:
    """Return every model by name: the project's own, those in ``extra`` folders, and entry points.

    Raises:
        InvalidValueError: an ``extra`` folder that does not exist.
        PluginError: two models of one name.
    """
    found: dict[str, ModelFile] = {}
    for file in model_files(extra):
        if file.name in found:
            raise PluginError(f"two models named {file.name!r}: {found[file.name].path} and {file.path}. Rename one.")
        found[file.name] = file
    return found


def model_files(extra: Iterable[Path]) -> Iterator[ModelFile]:
    root = models_root()
    roots = [root] if root else []
    for folder in extra:
        if not folder.is_dir():
            raise InvalidValueError("models folder", str(folder), "an existing folder with <name>/model.py in it")
        roots.append(folder)
    for folder in roots:
        for path in sorted(folder.glob("*/model.py")):
            yield ModelFile(path.parent.name, path)
    for point in entry_points(group="inference_bench.models"):
        spec = importlib.util.find_spec(point.module)
        if spec is not None and spec.origin is not None:
            yield ModelFile(point.name, Path(spec.origin))


def load_model(file: ModelFile) -> type[Model]:
    """Import a model's file and return its class.

    Raises:
        PluginError: the file cannot be imported, or has no single subclass of ``Model``; names file and line.
    """
    return _the_class(_module("model", file.name, file.path), Model, "model", file.name)  # type: ignore[type-abstract]


def _module(kind: str, name: str, path: Path) -> ModuleType:
    """Import a file that lies in no package, once."""
    module_name = f"inference_bench._plugins.{path.parent.name}.{name}.{zlib.crc32(os.fsencode(path)):08x}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{kind} {name!r}: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise PluginError(f"{kind} {name!r}: {_where(error, path)}: {error!r}") from error
    return module


KINDS = {"unit": ("accuracy", "full"), "integration": ("accuracy", "full"), "performance": ("performance", "full")}
"""The folders of a model's own benchmarks, and the suites that a benchmark in each belongs to."""

_PREFIX = "benchmark_"
STANDARD = "inference_bench.benchmarks"


@dataclass(frozen=True, slots=True)
class BenchmarkFile:
    """Where a benchmark lives.

    Attributes:
        name: of the benchmark.
        path: its file, or None for one of the package ``inference_bench.benchmarks`` or an entry point of that group.
    """

    name: str
    path: Path | None = None


def find_benchmarks(model: ModelFile | None = None, extra: Iterable[Path] = ()) -> dict[str, BenchmarkFile]:
    """Return every benchmark by name: the standard ones, those in ``extra`` folders, and the model's own.

    Raises:
        InvalidValueError: an ``extra`` folder that does not exist.
        PluginError: two benchmarks of one name in the same model's folder.
    """
    outside = entry_points(group=STANDARD).names
    found = {name: BenchmarkFile(name) for name in [*names_in(STANDARD), *sorted(outside)]}
    for folder in extra:
        if not folder.is_dir():
            raise InvalidValueError(
                "benchmarks folder", str(folder), f"an existing folder with {_PREFIX}<name>.py in it"
            )
        found |= {file.name: file for file in _benchmark_files(folder)}
    if model is not None:
        own: dict[str, BenchmarkFile] = {}
        for kind in KINDS:
            for file in _benchmark_files(model.path.parent / "benchmarks" / kind):
                if file.name in own:
                    raise PluginError(
                        f"two benchmarks {file.name!r}: {own[file.name].path} and {file.path}. Rename one."
                    )
                own[file.name] = file
        found |= own
    return found


def _benchmark_files(folder: Path) -> Iterator[BenchmarkFile]:
    for path in sorted(folder.glob(f"{_PREFIX}*.py")):
        yield BenchmarkFile(path.stem.removeprefix(_PREFIX), path)


def load_benchmark(file: BenchmarkFile) -> type[Benchmark]:
    """Import a benchmark and return its class. One in a model's folder belongs to the suites of its kind.

    Raises:
        PluginError: the file cannot be imported, or has no single subclass of ``Benchmark``; names file and line.
    """
    if file.path is None:
        return load_class("benchmark", STANDARD, file.name, Benchmark)  # type: ignore[type-abstract]
    module = _module("benchmark", file.name, file.path)
    found = _the_class(module, Benchmark, "benchmark", file.name)  # type: ignore[type-abstract]
    kind = file.path.parent.name
    if file.path.parent.parent.name == "benchmarks" and kind in KINDS and "suites" not in vars(found):
        found.suites = KINDS[kind]
    return found


def _where(error: BaseException, path: Path) -> str:
    """Return ``file:line`` of the innermost frame inside ``path``, or of a syntax error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)

"""Find benchmarks: the standard ones, files in the user's folders, entry points, and a model's own.

A model's own benchmark is the file ``models/<name>/benchmarks/<kind>/benchmark_<benchmark>.py``. It
replaces the standard benchmark of the same name for this model, or is a benchmark of this model only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import InvalidValueError, PluginError
from inference_bench.model.discovery import ModelFile
from inference_bench.plugins import class_in, import_file, load_class, plugin_names

KINDS = {"unit": ("accuracy", "full"), "integration": ("accuracy", "full"), "performance": ("performance", "full")}
"""Folder of a model's own benchmarks → the suites that its benchmarks belong to."""

_PREFIX = "benchmark_"
STANDARD = "inference_bench.benchmarks"


@dataclass(frozen=True, slots=True)
class BenchmarkFile:
    """Where a benchmark lives.

    Attributes:
        name: the benchmark's name.
        path: its file; None for a standard benchmark or an entry point.
    """

    name: str
    path: Path | None = None


def find_benchmarks(model: ModelFile | None = None, extra: Iterable[Path] = ()) -> dict[str, BenchmarkFile]:
    """Return every benchmark by name: the standard ones, those in ``extra`` folders, and the model's own.

    Raises:
        InvalidValueError: an ``extra`` folder that does not exist.
        PluginError: two benchmarks of one name in the same model's folder.
    """
    found = {name: BenchmarkFile(name) for name in plugin_names(STANDARD)}
    for folder in extra:
        if not folder.is_dir():
            raise InvalidValueError(
                "benchmarks folder", str(folder), f"an existing folder with {_PREFIX}<name>.py in it"
            )
        found |= {file.name: file for file in _benchmark_files(folder)}
    if model is not None and model.folder is not None:
        own: dict[str, BenchmarkFile] = {}
        for kind in KINDS:
            for file in _benchmark_files(model.folder / "benchmarks" / kind):
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
    module = import_file("benchmark", file.name, file.path)
    found = class_in(module, Benchmark, "benchmark", file.name)  # type: ignore[type-abstract]
    kind = file.path.parent.name
    if file.path.parent.parent.name == "benchmarks" and kind in KINDS and "suites" not in vars(found):
        found.suites = KINDS[kind]
    return found

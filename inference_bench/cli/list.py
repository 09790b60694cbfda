"""``list``: models, benchmarks, metrics and other plugins."""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import BenchmarkFile, find_benchmarks, load_benchmark
from inference_bench.cli._columns import aligned
from inference_bench.cli._command import Command, summary_of
from inference_bench.cli._outputs import PLAIN_FORMATS, add_output_options, outputs_of, write_plain
from inference_bench.errors import PluginError, UnknownNameError
from inference_bench.extras import missing_modules
from inference_bench.machine.device import Device
from inference_bench.metrics import METRICS
from inference_bench.model.discovery import ModelFile, find_models, load_model, resolve_models
from inference_bench.model.engine.engine import Engine, engine_names, load_engine
from inference_bench.plugins import load_class, plugin_names
from inference_bench.reports._report import Report
from inference_bench.results.sink import Sink
from inference_bench.spec import SUITES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from inference_bench.model.model import Model

Row = dict[str, Any]
"""One entry: ``name``, and either ``problem`` or the facts of its kind."""


Lister = Callable[[Sequence[Path], ModelFile | None], list[Row]]
"""Returns the entries of a kind, given further folders with models, and a model or None."""

T = TypeVar("T")


class ListCommand(Command):
    """List models, benchmarks, suites, metrics, engines, devices, formats and sinks.

    Imports the file of each plugin, but no framework. A plugin that cannot be used is listed with the file and line of
    the error. Exits with 1 if there is one.
    """

    examples = (
        ("", "everything, in brief"),
        ("models", "one kind, in full"),
        ("benchmarks --model smollm2_135m_instruct", "with this model's own, which replace standard ones"),
        ("metrics --json", "for another program"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the kind."""
        parser.add_argument("kind", metavar="KIND", nargs="?", help=f"one of {', '.join(KINDS)}")
        add_output_options(parser, PLAIN_FORMATS)
        parser.add_argument(
            "--models-dir",
            metavar="DIR",
            action="append",
            type=Path,
            default=[],
            help="also look for models here",
        )
        parser.add_argument("--model", metavar="NAME", help="show the benchmarks and suites of this model")

    def run(self, args: argparse.Namespace) -> int:
        """Collect the rows of each kind and print them."""
        outputs = outputs_of(args, PLAIN_FORMATS)
        if args.kind is not None and args.kind not in KINDS:
            raise UnknownNameError("kind", args.kind, KINDS)
        kinds = [args.kind] if args.kind else list(KINDS)
        model = _model_file(args.model, args.models_dir)
        found = {kind: KINDS[kind](args.models_dir, model) for kind in kinds}
        write_plain(found, lambda: _full(found[args.kind]) if args.kind else _brief(found), outputs)
        return 1 if any("problem" in row for rows in found.values() for row in rows) else 0


def _model_file(name: str | None, models_dirs: Sequence[Path]) -> ModelFile | None:
    if name is None:
        return None
    return resolve_models([name], find_models(models_dirs))[name]


def _models(models_dirs: Sequence[Path], _: ModelFile | None) -> list[Row]:
    files = find_models(models_dirs)
    return [_row(name, _describe_model, partial(load_model, file)) for name, file in files.items()]


def _benchmarks(_: Sequence[Path], model: ModelFile | None) -> list[Row]:
    """Return the standard benchmarks; with a model, also the file of each benchmark of its own."""
    rows = []
    for name, file in sorted(find_benchmarks(model).items()):
        row = _row(name, _describe_benchmark, partial(load_benchmark, file))
        own = {} if model is None else {"file": os.path.relpath(file.path) if file.path else None}
        rows.append(row | own)
    return rows


def _describe_model(model: type[Model]) -> Row:
    return {
        "title": model.title,
        "parameters": model.parameters or None,
        "max_input_length": model.max_input_length or None,
        "devices": list(model.devices),
        "dtypes": list(model.dtypes),
        "abilities": list(model.abilities),
        "license": model.license,
        "description": model.description,
    }


def _describe_benchmark(benchmark: type[Benchmark]) -> Row:
    return {
        "title": benchmark.title,
        "suites": list(benchmark.suites),
        "axes": {axis.name: list(axis.default) for axis in benchmark.axes},
        "metrics": list(benchmark.headline),
        "description": summary_of(benchmark),
    }


def _suites(_: Sequence[Path], model: ModelFile | None) -> list[Row]:
    found = {name: _or_none(file) for name, file in find_benchmarks(model).items()}
    return [
        {"name": suite, "benchmarks": [name for name, of in found.items() if of and suite in of.suites]}
        for suite in SUITES
    ]


def _or_none(file: BenchmarkFile) -> type[Benchmark] | None:
    """Return a benchmark's class, or None if it is broken, which the list of benchmarks shows."""
    try:
        return load_benchmark(file)
    except PluginError:
        return None


def _metrics(_: Sequence[Path], __: ModelFile | None) -> list[Row]:
    return [
        {
            "name": metric.tag,
            "title": metric.title,
            "unit": metric.unit,
            "better": metric.better.value,
            "formula": metric.formula,
            "source": metric.source,
        }
        for metric in METRICS.values()
    ]


def _describe_device(device: type[Device]) -> Row:
    return {"found": [f"{found.name} ({found.title})" for found in device().find()], "description": summary_of(device)}


def _engines(_: Sequence[Path], __: ModelFile | None) -> list[Row]:
    """Return every engine, installed or not."""
    return [_row(name, _describe_engine, partial(load_engine, name)) for name in engine_names()]


def _describe_engine(engine: type[Engine]) -> Row:
    missing = missing_modules(engine.requires)
    return {
        "title": engine.title,
        "installed": not missing,
        "reads": engine.reads,
        "devices": list(engine.devices),
        "dtypes": list(engine.dtypes),
        "abilities": list(engine.abilities),
        "boundary": asdict(engine.boundary),
        "serving": engine.serving,
        "install": f"pip install {shlex.join(engine.install)}" if missing else None,
        "description": summary_of(engine),
    }


def _plugins(kind: str, package: str, base: type[Any], describe: Callable[[type[Any]], Row]) -> Lister:
    """Return a lister of the modules of a package and the entry points of the group of this name."""

    def rows(_: Sequence[Path], __: ModelFile | None) -> list[Row]:
        names = plugin_names(package)
        return [_row(name, describe, partial(load_class, kind, package, name, base)) for name in names]

    return rows


def _describe_by_docstring(plugin: type[object]) -> Row:
    return {"description": summary_of(plugin)}


def _describe_sink(sink: type[Sink]) -> Row:
    return {"writes": "every run" if sink.by_default else f"with --sink {sink.name}", **_describe_by_docstring(sink)}


KINDS: dict[str, Lister] = {
    "models": _models,
    "benchmarks": _benchmarks,
    "suites": _suites,
    "metrics": _metrics,
    "engines": _engines,
    "devices": _plugins("device", "inference_bench.machine.devices", Device, _describe_device),
    "formats": _plugins("report", "inference_bench.reports", Report, _describe_by_docstring),
    "sinks": _plugins("sink", "inference_bench.results.sinks", Sink, _describe_sink),
}


def _row(name: str, describe: Callable[[type[T]], Row], load: Callable[[], type[T]]) -> Row:
    """Return the description of one plugin; an error in it must not hide the others."""
    try:
        return {"name": name, **describe(load())}
    except Exception as error:
        return {"name": name, "problem": _problem(error)}


def _problem(error: Exception) -> str:
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error!r}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}: {error!r}"


def _brief(found: dict[str, list[Row]]) -> Iterator[str]:
    """Yield one line per entry, all kinds in the same columns."""
    width = max(len(row["name"]) for rows in found.values() for row in rows)
    for kind, rows in found.items():
        yield kind
        yield from (f"  {row['name']:<{width}}  {_gist(row)}" for row in rows)


def _gist(row: Row) -> str:
    if "problem" in row:
        return f"BROKEN: {row['problem']}"
    return str(row.get("title") or row.get("description") or ", ".join(row.get("benchmarks", ())))


def _full(rows: list[Row]) -> Iterator[str]:
    """Yield a table of the usable entries, then the broken ones."""
    sound = [row for row in rows if "problem" not in row]
    if sound:
        heads = list(sound[0])
        table = [[head.replace("_", " ").upper() for head in heads]]
        table += [[_cell(row[head]) for head in heads] for row in sound]
        yield from aligned(table)
    yield from (f"{row['name']}  BROKEN: {row['problem']}" for row in rows if "problem" in row)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value or "-")

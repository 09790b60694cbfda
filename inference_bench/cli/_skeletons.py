"""What ``new`` writes: the folder of a model, or the file of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.benchmark.discovery import KINDS, STANDARD
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.model.discovery import find_models, load_model, models_root
from inference_bench.plugins import names_in
from inference_bench.scaffold.kinds import CALL, TEXT
from inference_bench.scaffold.model_facts import ModelFacts, default_config, read_facts
from inference_bench.scaffold.skeleton import (
    call_model_files,
    check_kind,
    model_files,
    own_benchmark,
    standard_benchmark,
    write_files,
)

if TYPE_CHECKING:
    import argparse

_MODELS = Path("models")
_BENCHMARKS = Path("benchmarks")
_OPTIONS = {"place": "from"}
"""Destination → its option, where they differ."""


def new_model(args: argparse.Namespace) -> tuple[list[Path], str]:
    """Write the folder of a model; return its files, and the command to go on with."""
    _refuse(args, "benchmark", "model", "function")
    folder = args.dir or _MODELS
    elsewhere = [] if _is_known(folder) or not folder.is_dir() else [folder]
    known = find_models(elsewhere)
    if args.name in known:
        raise InvalidValueError("model", args.name, f"a new name; this one is {known[args.name].path}")
    if args.bare or args.kind == CALL:
        _refuse(args, "model of transformers", "place", *(["kind"] if args.bare else []))
        facts = ModelFacts(args.name)
    else:
        facts = read_facts(args.name, _place(args))
    files = call_model_files(args.name) if args.kind == CALL else model_files(facts)
    written = write_files(folder / args.name, files)
    where = "" if _is_known(folder) else f" --models-dir {folder}"
    weights = "" if facts.base is None or facts.local or facts.hub else " --weights random --scale reduced"
    return written, f"run{where} --model {args.name}{weights}"


def _place(args: argparse.Namespace) -> str:
    """Return where the model's configuration is: at the place that is given, or that of a small model of the kind."""
    if args.place is None:
        return str(default_config(args.kind or TEXT))
    if args.kind is not None:
        raise UsageError(f"--kind {args.kind}: the files at {args.place} say what kind of model it is. Leave it out.")
    return str(args.place)


def new_benchmark(args: argparse.Namespace) -> tuple[list[Path], str]:
    """Write the file of a benchmark; return it, and the command to go on with."""
    _refuse(args, "model", "place", "bare")
    if args.model is None:
        _refuse(args, "model's own benchmark", "kind")
        if args.name in names_in(STANDARD):
            raise InvalidValueError("benchmark", args.name, "a new name", "With --model M, it replaces it for M.")
        folder = args.dir or _BENCHMARKS
        text = own_benchmark(args.name, function=args.function)
        written = write_files(folder, {f"benchmark_{args.name}.py": text})
        return written, f"run --benchmarks-dir {folder} --benchmark {args.name} --model null"
    if args.dir is not None:
        raise UsageError("--dir with --model: a model's own benchmark goes into its folder. Leave --dir out.")
    return _new_own_benchmark(args)


def _new_own_benchmark(args: argparse.Namespace) -> tuple[list[Path], str]:
    kind = args.kind or "performance"
    check_kind(kind)
    models = find_models(args.models_dir)
    if args.model not in models:
        raise UnknownNameError("model", args.model, models)
    file = models[args.model]
    model = load_model(file)
    for other in KINDS:
        present = file.path.parent / "benchmarks" / other / f"benchmark_{args.name}.py"
        if present.exists():
            raise InvalidValueError("benchmark", args.name, f"a new name; this one is {present}")
    if args.name in names_in(STANDARD):
        _refuse(args, "benchmark of a new name", "function")
        text = standard_benchmark(args.name, model.title, model.max_input_length)
    else:
        text = own_benchmark(args.name, function=args.function)
    written = write_files(file.path.parent / "benchmarks" / kind, {f"benchmark_{args.name}.py": text})
    where = "".join(f" --models-dir {folder}" for folder in args.models_dir)
    return written, f"run{where} --model {args.model} --benchmark {args.name} --weights random --scale reduced"


def _refuse(args: argparse.Namespace, kind: str, *names: str) -> None:
    """Refuse options that belong to the other kind, rather than to ignore them."""
    for name in names:
        if getattr(args, name):
            raise UsageError(f"--{_OPTIONS.get(name, name)}: belongs to a {kind}. Leave it out.")


def _is_known(folder: Path) -> bool:
    root = models_root()
    return root is not None and folder.resolve() == root.resolve()

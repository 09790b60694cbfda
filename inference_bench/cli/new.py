"""``new``: write a model or a benchmark to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.benchmark.discovery import KINDS, STANDARD
from inference_bench.cli._command import Command, program
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.model.discovery import find_models, load_model, models_root
from inference_bench.plugins import names_in
from inference_bench.scaffold.model_facts import CALL, KINDS_OF_MODELS, TEXT, ModelFacts, default_config, read_facts
from inference_bench.scaffold.skeleton import (
    call_model_files,
    check_kind,
    check_name,
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


class NewCommand(Command):
    """Write a model or a benchmark to start from; it runs as it is.

    A model gets a folder of its own, described by the files at the place that --from names, and remembers that place.
    A benchmark is one file, for every model, or with --model for this one only. No file is overwritten.
    """

    examples = (
        ("model my_model", "a small model with random weights, to modify"),
        ("model mine --from ./weights", "for a folder of weights, or a .gguf file, which it remembers"),
        ("model qwen3_1_7b --from Qwen/Qwen3-1.7B", "for a repository of the hub, at its present commit"),
        ("model my_vit --kind vision", "one of text, encoder, classifier, seq2seq, vision, speech"),
        ("model my_function --kind call", "anything that can be called: a network, a session, a function"),
        ("model my_engine --bare", "text generation by a framework other than transformers"),
        ("benchmark prompt_time", "for every model"),
        ("benchmark inference_speed --model my_model", "this model's own version of a standard one"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the kind, the name, and the options of each kind."""
        parser.add_argument("what", metavar="KIND", help="model or benchmark")
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")
        parser.add_argument(
            "--dir", metavar="DIR", type=Path, help=f"where it goes (default: {_MODELS} or {_BENCHMARKS})"
        )
        model = parser.add_argument_group("model")
        model.add_argument(
            "--from",
            dest="place",
            metavar="PLACE",
            help="where it is: a folder of weights, a .gguf file, owner/name[@revision] of the hub, or only a "
            "config.json (default: a small Llama without weights)",
        )
        model.add_argument("--bare", action="store_true", help="no transformers: load, unload and generator to fill in")
        parser.add_argument(
            "--kind",
            metavar="KIND",
            help=f"of a model: {', '.join(KINDS_OF_MODELS)} (default: {TEXT}); of a model's own benchmark, its folder: "
            f"{', '.join(KINDS)} (default: performance)",
        )
        benchmark = parser.add_argument_group("benchmark")
        benchmark.add_argument("--model", metavar="NAME", help="only for this model, in its folder")
        benchmark.add_argument("--function", action="store_true", help="one function whose calls are timed")
        benchmark.add_argument(
            "--models-dir",
            metavar="DIR",
            action="append",
            type=Path,
            default=[],
            help="also look for the model in this folder",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Write the files and print the next command."""
        writers = {"model": _new_model, "benchmark": _new_benchmark}
        if args.what not in writers:
            raise UnknownNameError("kind", args.what, writers)
        check_name(args.what, args.name)
        written, next_command = writers[args.what](args)
        print("wrote")
        for path in written:
            print(f"  {path}")
        print(f"next: {program()} {next_command}")
        return 0


def _new_model(args: argparse.Namespace) -> tuple[list[Path], str]:
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


def _new_benchmark(args: argparse.Namespace) -> tuple[list[Path], str]:
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

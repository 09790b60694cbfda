"""``new``: write a model or a benchmark to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.benchmark.discovery import KINDS
from inference_bench.cli._command import Command, program
from inference_bench.errors import UnknownNameError
from inference_bench.scaffold.kinds import KINDS_OF_MODELS, TEXT

if TYPE_CHECKING:
    import argparse


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
        parser.add_argument("--dir", metavar="DIR", type=Path, help="where it goes (default: models or benchmarks)")
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
        from inference_bench.cli._skeletons import new_benchmark, new_model
        from inference_bench.scaffold.skeleton import check_name

        writers = {"model": new_model, "benchmark": new_benchmark}
        if args.what not in writers:
            raise UnknownNameError("kind", args.what, writers)
        check_name(args.what, args.name)
        written, next_command = writers[args.what](args)
        print("wrote")
        for path in written:
            print(f"  {path}")
        print(f"next: {program()} {next_command}")
        return 0

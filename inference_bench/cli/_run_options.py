"""The options of ``run``, which ``ab``, ``noise`` and ``overlap`` take as well, and how their words are read."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._effort import EFFORTS, STANDARD
from inference_bench.cli._outputs import PAGE_FORMATS, REPORT_FORMATS, add_output_options
from inference_bench.endpoint.key import VARIABLE
from inference_bench.provenance.record import Provenance, marked
from inference_bench.results.run_folder import default_output
from inference_bench.results.storage import place_of
from inference_bench.spec import (
    ALL_ENGINES,
    ATTENTIONS,
    COMPILE_MODES,
    DEFAULT_BENCHMARKS,
    DEVICES,
    DTYPES,
    OWN_ENGINE,
    QUANTIZED,
    SUITES,
    SURVEY_BUDGET_NS,
    Limits,
)
from inference_bench.text import without_secret_words
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


DEFAULT_MODEL = "smollm2_135m_instruct"
_LIMITS = Limits()
RUNS = f"{STANDARD.least_runs} to {STANDARD.runs}; with --all: 1"


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare what to measure, how to load it, how long to measure, and where results go."""
    _add_run_options(parser, f"exactly N fresh processes per case (default: {RUNS})", REPORT_FORMATS, inline=True)
    _add_sinks(parser)


def add_paired_run_options(parser: argparse.ArgumentParser, runs: str, default: int | None = None) -> None:
    """Declare the options of ``run`` that a command has which compares fresh processes.

    Args:
        parser: of the command.
        runs: what --runs is for.
        default: of --runs; None if the command leaves it to the effort.
    """
    _add_run_options(parser, runs, PAGE_FORMATS, inline=False)
    parser.set_defaults(isolation="process", runs=default)


def _add_run_options(parser: argparse.ArgumentParser, runs: str, formats: Sequence[str], *, inline: bool) -> None:
    _add_subject(parser)
    _add_effort(parser, runs)
    _add_setup(parser, inline=inline)
    _add_weights(parser)
    _add_parameters(parser)
    _add_output(parser, formats)
    _add_marks(parser)


def marks_of(args: argparse.Namespace) -> Provenance:
    """Return label, note and tags, and the settings that the request was made of.

    Raises:
        InvalidValueError: a label or tag that is not allowed.
    """
    words = without_secret_words(word for setting in args.settings for word in setting.words)
    return replace(marked(args.label or "", args.note, args.tag), settings=tuple(words))


def add_loading_ahead(parser: argparse.ArgumentParser) -> None:
    """Declare whether and how the next model loads while one is measured."""
    group = parser.add_argument_group("loading ahead", "the next model loads while one is measured")
    group.add_argument(
        "--overlap",
        metavar="POLICY",
        default="auto",
        help="freeze: the loader is stopped while anything is timed; partition: it has CPUs of its own; off; auto: "
        "chosen by device and CPUs, and the choice is reported",
    )
    group.add_argument(
        "--lookahead", metavar="N", type=values.whole_number("lookahead", 0), default=1, help="models loaded ahead"
    )
    group.add_argument(
        "--park",
        metavar="WHERE",
        default="auto",
        help="where a model loaded ahead waits before its turn on a GPU: host (before the copy to the device), device "
        "(after it, if memory allows), or auto, which is host",
    )


def never_load_ahead(parser: argparse.ArgumentParser) -> None:
    """Set what ``add_loading_ahead`` would declare: a load would disturb the other side of an interleaved pair."""
    parser.set_defaults(overlap="off", lookahead=0, park="auto")


def _add_subject(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to measure", "`list` shows the names; separate several with commas")
    group.add_argument(
        "--spec", metavar="FILE", type=Path, help="a request in TOML; options given here override the file"
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        metavar="NAME[,NAME]",
        action="append",
        type=values.names("model"),
        help="a model: name, ./folder, x.gguf or hub owner/name; may be repeated; of the hub also "
        f"owner/name@revision (default: {DEFAULT_MODEL})",
    )
    which.add_argument(
        "--all",
        action="store_true",
        help="every model; models whose weights are unavailable use random weights (labelled)",
    )
    _add_endpoint(group)
    what = group.add_mutually_exclusive_group()
    what.add_argument("--suite", metavar="NAME", help=f"all benchmarks of a suite: {', '.join(SUITES)}")
    what.add_argument(
        "--benchmark",
        metavar="NAME[,NAME]",
        action="append",
        type=values.names("benchmark"),
        help=f"a benchmark; may be repeated (default: {', '.join(DEFAULT_BENCHMARKS)}; "
        "of several engines agreement as well)",
    )
    for kind, file in (("models", "<name>/model.py"), ("benchmarks", "benchmark_<name>.py")):
        group.add_argument(
            f"--{kind}-dir",
            metavar="DIR",
            action="append",
            type=Path,
            default=[],
            help=f"also look for {file} in this folder; may be repeated",
        )


def _add_endpoint(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--endpoint",
        metavar="URL",
        action="append",
        help="a model that an OpenAI-compatible server runs, such as http://127.0.0.1:8000/v1; may be repeated, and "
        "stand beside --model",
    )
    group.add_argument(
        "--endpoint-model",
        metavar="NAME",
        help="the server's name of the model (default: the only one that it has)",
    )
    group.add_argument(
        "--endpoint-key-variable",
        metavar="VARIABLE[@URL]",
        action="append",
        help=f"environment variable with the key of all endpoints, or of one; may be repeated (default: {VARIABLE})",
    )


def _add_setup(parser: argparse.ArgumentParser, *, inline: bool) -> None:
    group = parser.add_argument_group("how to load it", "with several values, each combination is measured")
    group.add_argument(
        "--device",
        metavar="NAME[,NAME]",
        type=values.names("device"),
        default="cpu",
        help=f"{', '.join(DEVICES)}, or cuda:N",
    )
    group.add_argument(
        "--dtype",
        metavar="NAME[,NAME]",
        type=values.names("dtype"),
        default="float32",
        help=f"{', '.join(DTYPES)}; of other engines also {', '.join(QUANTIZED)}",
    )
    group.add_argument(
        "--threads",
        metavar="N[,N]",
        type=values.whole_numbers("threads"),
        help="threads of the framework (default: the number of CPUs this process may use)",
    )
    group.add_argument(
        "--attention",
        metavar="NAME[,NAME]",
        type=values.names("attention"),
        default="auto",
        help=", ".join(ATTENTIONS),
    )
    group.add_argument(
        "--compile",
        metavar="MODE[,MODE]",
        type=values.names("compile mode"),
        default="none",
        help="mode of torch.compile: " + ", ".join(COMPILE_MODES),
    )
    group.add_argument(
        "--engine",
        metavar="NAME[,NAME]",
        type=values.names("engine"),
        default=OWN_ENGINE,
        help=f"what runs the weights: transformers, llama_cpp …, see `list engines` (default: the model's own); "
        f"{ALL_ENGINES}: every one, in those of the dtypes that it has, else in its first",
    )
    if inline:
        group.add_argument(
            "--isolation",
            metavar="WHERE",
            default="process",
            help="process: each run of a model in a fresh process; inline: in this process, for debuggers",
        )


def _add_weights(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("weights")
    group.add_argument(
        "--weights",
        metavar="SOURCE",
        help="auto, random, a folder, a .gguf file, owner/name …; auto: cache, hub, then package, each of which is a "
        "source, too; any: auto, then random; owner/name@revision of the hub (default: auto; with --all: any)",
    )
    group.add_argument(
        "--scale",
        metavar="SIZE",
        default="full",
        help="full or reduced; reduced: a small model of the same architecture, which needs --weights random",
    )
    group.add_argument(
        "--seed", metavar="N", type=values.whole_number("seed", 0), default=0, help="seed of all random generators"
    )


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("parameters", "by default those of each benchmark, see `list benchmarks`")
    group.add_argument(
        "--input-lengths", metavar="N[,N]", type=values.whole_numbers("input lengths"), help="tokens of the prompt"
    )
    group.add_argument(
        "--new-tokens", metavar="N[,N]", type=values.whole_numbers("new tokens"), help="tokens to generate"
    )
    group.add_argument(
        "-a",
        "--axis",
        metavar="NAME=VALUE[,VALUE]",
        action="append",
        type=values.axis,
        default=[],
        help="values of any parameter; 1..64 means 1, 2, 4 … 64; may be repeated",
    )


def _add_effort(parser: argparse.ArgumentParser, runs: str) -> None:
    group = parser.add_argument_group(
        "how long to measure",
        "a case is measured in several short fresh processes, until the interval over them is narrow enough or the "
        "time is spent",
    )
    which = group.add_mutually_exclusive_group()
    for name, what in (
        ("quick", "a look: one process, {budget_s:g} s per case; the interval covers that process only"),
        ("thorough", "±{precision:.0%}: {least_runs} to {runs} processes of up to {budget_s:g} s per case"),
    ):
        about = what.format(**asdict(EFFORTS[name])).replace("%", "%%")
        which.add_argument(f"--{name}", dest="effort", action="store_const", const=name, help=about)
    group.add_argument(
        "--runs",
        metavar="N",
        type=values.whole_number("runs"),
        help=runs,
    )
    group.add_argument(
        "--precision",
        metavar="FRACTION",
        type=values.fraction("precision", below=0.5),
        help="a case ends when its 95%% interval reaches at most this fraction of the median to each side; up to 0.02 "
        f"the other limits are those of --thorough (default: {STANDARD.precision:g})",
    )
    group.add_argument(
        "--budget",
        metavar="SECONDS",
        type=values.seconds("budget"),
        help="time to measure a case in one process "
        f"(default: {STANDARD.budget_s:g}; with --all: {SURVEY_BUDGET_NS / NS_PER_S:g})",
    )
    group.add_argument(
        "--min-samples",
        metavar="N",
        type=values.whole_number("min samples"),
        help=f"samples that a process takes at least before it may end earlier (default: {STANDARD.min_samples})",
    )
    group.add_argument(
        "--warmup",
        metavar="N",
        type=values.whole_number("warm-up", 0),
        help=f"iterations after the cold call that are kept but not counted (default: {STANDARD.warmup})",
    )
    for what, limit_ns in (("load", _LIMITS.load_ns), ("case", _LIMITS.case_ns)):
        group.add_argument(
            f"--{what}-limit",
            metavar="SECONDS",
            type=values.seconds(f"{what} limit"),
            default=limit_ns / NS_PER_S,
            help=f"a {what} that takes longer is a timeout; its worker is killed and the plan goes on",
        )


def _add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    group = parser.add_argument_group("results")
    group.add_argument(
        "-o",
        "--output",
        metavar="DIR|ADDRESS",
        type=place_of,
        default=default_output(),
        help="parent folder; each run writes a new folder in it; also an address on a store, such as "
        "s3://bucket/prefix: each case is copied there when it has ended; INFERENCE_BENCH_OUTPUT sets the default",
    )
    add_output_options(group, formats)
    group.add_argument("--quiet", action="store_true", help="print warnings only, no progress")
    group.add_argument("--log-json", action="store_true", help="print progress as one JSON object per line")


def _add_sinks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("trackers").add_argument(
        "--sink",
        metavar="NAME|ADDRESS",
        action="append",
        default=[],
        help="also write the run into an experiment tracker, mlflow or wandb, when it ends: on this disk unless the "
        "tracker's own variables say otherwise; or copy it to an address such as s3://bucket/prefix; may be repeated",
    )


def _add_marks(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "marks", "stored with the run, shown in reports, and columns of results.csv; the commit is stored anyway"
    )
    group.add_argument(
        "--label",
        metavar="NAME",
        type=values.label,
        help="name of the run; `report NAME` and `compare NAME …` find it by that; use each name once",
    )
    group.add_argument("--note", metavar="TEXT", default="", help="why it was measured; the report shows it")
    group.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        type=values.tag,
        default=[],
        help="a fact, such as pull=123, that several runs may share: `compare tag:pull=122 tag:pull=123`; may be "
        "repeated",
    )

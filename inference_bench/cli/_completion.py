"""What may stand at the place of an incomplete word of the command line."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._outputs import formats_in
from inference_bench.cli._parser import Parser
from inference_bench.errors import InferenceBenchError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

SCRIPTS = {
    "bash": """\
_inference_bench() {
    local IFS=$'\\n'
    COMPREPLY=($("$1" completion candidates -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _inference_bench inference-bench
""",
    "zsh": """\
#compdef inference-bench
_inference_bench() {
    local -a found
    found=(${(f)"$("${words[1]}" completion candidates -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -- $found; else _files; fi
}
compdef _inference_bench inference-bench
""",
    "fish": """\
function __inference_bench
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completion candidates -- $words[2..-1] 2>/dev/null
end
complete -c inference-bench -a '(__inference_bench)'
""",
}
"""Shell → the script that makes it ask this program."""

_MOST_RUNS = 50
_LABEL = re.compile(rb'"label":\s*"([^"\\]+)"')
_RUNS = ("places", "words", "word", "resume", "baseline", "gate")
"""Destinations of arguments that name runs."""


def candidates(words: Sequence[str]) -> list[str]:
    """Return what the last word may be; nothing where a file, or any text, is expected.

    Args:
        words: after the program; the last one is incomplete, often empty. A shell may split ``--dtype=f`` into three.
    """
    *before, current = words
    if not before or before == ["help"]:
        return _beginning(current, [*command_names(), *(["help", "--help", "--version"] if not before else [])])
    with suppress(InferenceBenchError):
        return _of_command(Parser(load_command(before[0])), before[1:], current)
    return []


def _of_command(parser: Parser, before: list[str], current: str) -> list[str]:
    if current == "=" or before[-1:] == ["="]:
        before = [word for word in before if word != "="]
        current = current.lstrip("=")
    option, equals, value = current.partition("=")
    if equals and option.startswith("--"):
        return [f"{option}={found}" for found in _of_value(parser, option, value)]
    last = before[-1] if before else ""
    if last.startswith("-") and _takes_value(parser, last):
        return _of_value(parser, last, current)
    if current.startswith("-"):
        return _beginning(current, sorted(name for name in parser.option_names if name.startswith("--")))
    positionals = [action for action in parser._actions if not action.option_strings]
    return [found for action in positionals[:1] for found in _beginning(current, _values(action, parser))]


def _takes_value(parser: Parser, option: str) -> bool:
    action = parser._option_string_actions.get(option)
    return action is not None and action.nargs != 0


def _of_value(parser: Parser, option: str, current: str) -> list[str]:
    """Complete the value of an option, of a list its last entry."""
    action = parser._option_string_actions.get(option)
    if action is None:
        return []
    done, comma, part = current.rpartition(",") if "[," in str(action.metavar) else ("", "", current)
    return [f"{done}{comma}{value}" for value in _beginning(part, _values(action, parser))]


def _beginning(current: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.startswith(current)]


def _values(action: argparse.Action, parser: Parser) -> Iterable[str]:
    """Return the values of an argument; none if it is a file, a number or any text."""
    if action.dest in _RUNS:
        return _runs(parser)
    if action.dest in ("format", "export"):
        formats = formats_in(parser._option_string_actions["--format"].help or "")
        return formats if action.dest == "format" else [f"{form}=" for form in formats]
    if (parser.command.name, action.dest) == ("list", "kind"):
        from inference_bench.cli.list import KINDS

        return KINDS
    return _BY_DESTINATION.get(action.dest, tuple)()


def _models() -> Iterable[str]:
    from inference_bench.model.discovery import find_models

    return find_models()


def _benchmarks() -> Iterable[str]:
    from inference_bench.benchmark.discovery import find_benchmarks

    return find_benchmarks()


def _axes() -> Iterable[str]:
    from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
    from inference_bench.spec import SETUP_AXES

    found = {axis.name for file in find_benchmarks().values() for axis in load_benchmark(file).axes}
    return [f"{name}=" for name in sorted({*found, *SETUP_AXES})]


def _metrics() -> Iterable[str]:
    from inference_bench.metrics import METRICS

    return METRICS


def _sinks() -> Iterable[str]:
    from inference_bench.plugins import plugin_names
    from inference_bench.results.sink import PACKAGE, load_sink

    return [name for name in plugin_names(PACKAGE) if not load_sink(name).by_default]


def _engines() -> Iterable[str]:
    from inference_bench.model.engine.engine import engine_names

    return engine_names()


def _of_spec(name: str) -> Callable[[], Iterable[str]]:
    def values() -> Iterable[str]:
        from inference_bench import spec

        found: Iterable[str] = getattr(spec, name)
        return found

    return values


_BY_DESTINATION: dict[str, Callable[[], Iterable[str]]] = {
    "model": _models,
    "benchmark": _benchmarks,
    "axis": _axes,
    "metric": _metrics,
    "sink": _sinks,
    "suite": _of_spec("SUITES"),
    "device": _of_spec("DEVICES"),
    "dtype": _of_spec("ALL_DTYPES"),
    "engine": _engines,
    "attention": _of_spec("ATTENTIONS"),
    "compile": _of_spec("COMPILE_MODES"),
    "overlap": _of_spec("OVERLAPS"),
    "park": _of_spec("PARKS"),
    "isolation": _of_spec("ISOLATIONS"),
    "by": _of_spec("SETUP_AXES"),
    "scale": lambda: ("full", "reduced"),
    "at_least": lambda: "ABCDF",
    "quantile": lambda: ("p50", "p90", "p95", "p99", "p99.9"),
    "weights": lambda: ("auto", "local", "cache", "hub", "package", "random", "any"),
    "shell": lambda: SCRIPTS,
    "what": lambda: ("model", "benchmark"),
}


def _runs(parser: Parser) -> list[str]:
    """Return ``latest``, and the labels and ids of the newest runs in the folder where this command looks for them."""
    from inference_bench.results.run_folder import RECORD, default_output

    args = vars(read_options(parser, parser.placeholders()))
    folder = args.get("results") or args.get("output") or default_output()
    if not isinstance(folder, Path):  # a store is not asked while someone types
        return ["latest", "latest~1"]
    records = sorted(folder.glob(f"*/{RECORD}"), reverse=True)[:_MOST_RUNS]
    found = ["latest", "latest~1"] if records else []
    for record in records:
        with suppress(OSError):
            label = _LABEL.search(record.read_bytes())
            found += [label.group(1).decode(errors="replace")] if label else []
    return list(dict.fromkeys([*found, *(record.parent.name for record in records)]))

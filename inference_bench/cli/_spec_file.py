"""A request in a TOML file, with the options of the command line, which override it."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from inference_bench.cli._command import Parser

_DEEPEST = 50
_DEEP_KEY = re.compile(rf"(?:[\w\"'-]+[ \t]*\.[ \t]*){{{_DEEPEST}}}")

_OPTIONS = {
    "models": "--model",
    "all": "--all",
    "suite": "--suite",
    "benchmarks": "--benchmark",
    "models_dirs": "--models-dir",
    "benchmarks_dirs": "--benchmarks-dir",
    "weights": "--weights",
    "scale": "--scale",
    "seed": "--seed",
    "effort": "--quick",
    "runs": "--runs",
    "overlap": "--overlap",
    "lookahead": "--lookahead",
    "park": "--park",
    "isolation": "--isolation",
    "output": "--output",
    "format": "--format",
    "label": "--label",
    "note": "--note",
    "tags": "--tag",
}
_EFFORTS = ("quick", "thorough")
_LIMITS = {
    "precision": "--precision",
    "budget": "--budget",
    "time": "--time",
    "min_samples": "--min-samples",
    "warmup": "--warmup",
    "load_limit": "--load-limit",
    "case_limit": "--case-limit",
}
"""Key → option; times are in seconds, as there."""

_REPEATED = ("models_dirs", "benchmarks_dirs", "label", "note", "tags")
"""Keys whose option takes one value at a time; the value may contain a comma."""

_INSTEAD = {"model": "all", "all": "model", "suite": "benchmark", "benchmark": "suite"}
"""Options that exclude each other: one on the command line replaces the other in the file."""

_OPTIONS_OF_AXES = {"input_lengths": "input_length"} | {
    name: name for name in ("new_tokens", "device", "dtype", "threads", "attention", "compile")
}
"""Destination of an option → the axis that it gives values to."""

_UNSAID = object()


def parse_with_file(parser: Parser, words: Sequence[str], path: Path) -> argparse.Namespace:
    """Return the parsed words; they override those of a file.

    Raises:
        InvalidValueError: the file cannot be read, or a value is not allowed.
        UnknownNameError: an unknown key.
    """
    written = _said(parser, [*parser.placeholders(), *_words(path)], path)
    told = _said(parser, words)
    for name in told:
        written.pop(_INSTEAD.get(name, ""), None)
    axes_told = {axis for name, axis in _OPTIONS_OF_AXES.items() if name in told}
    axes_told |= {name for name, _ in told.get("axis", ())}
    axes = [axis for axis in written.pop("axis", ()) if axis[0] not in axes_told] + told.pop("axis", [])
    defaults = vars(parser.defaults())
    return argparse.Namespace(**{**defaults, **written, **told, "axis": axes})


def _said(parser: Parser, words: Sequence[str], path: Path | None = None) -> dict[str, Any]:
    """Return destination → value of the given words, without defaults."""
    blank = argparse.Namespace(**{action.dest: _unsaid(action) for action in parser._actions})
    try:
        found = parser.parse_args(words, blank)
    except UsageError as error:
        if path is None:
            raise
        raise InvalidValueError(f"spec file {path}", "a value that is refused", str(error).rstrip(".")) from error
    return {name: value for name, value in vars(found).items() if value is not _UNSAID and value is not None}


def _unsaid(action: argparse.Action) -> object:
    """Return the mark of an option that is not given; one that collects values starts with None."""
    return None if isinstance(action, argparse._AppendAction) else _UNSAID


def _words(path: Path) -> Iterator[str]:
    """Yield the file's content as words of the command line."""
    table = _read(path)
    axes, limits = (_section(name, table.pop(name, {}), path) for name in ("axes", "limits"))
    yield from _options(table, _OPTIONS, ("axes", "limits"), path)
    yield from _options(limits, _LIMITS, (), path)
    for name, values in axes.items():
        yield f"--axis={name}={_joined(name, values, path)}"


def _section(name: str, value: object, path: Path) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidValueError(f"{name} of {path}", value, f"a table: [{name}]")
    return value


def _read(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        if _DEEP_KEY.search(text):  # tomllib takes memory in proportion to the square of a key's parts
            raise InvalidValueError("spec file", str(path), f"keys of fewer than {_DEEPEST} parts")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidValueError("spec file", str(path), "a readable TOML file", f"{error}.") from error


def _options(
    table: Mapping[str, object], options: Mapping[str, str], sections: Sequence[str], path: Path
) -> Iterator[str]:
    for name, value in table.items():
        if name not in options:
            raise UnknownNameError(f"key of {path}", name, [*options, *sections])
        if name == "all":
            if not isinstance(value, bool):
                raise InvalidValueError(f"all of {path}", value, "true or false")
            yield from ["--all"] if value else []
        elif name == "effort":
            if value not in _EFFORTS:
                raise InvalidValueError(f"effort of {path}", value, " or ".join(_EFFORTS))
            yield f"--{value}"
        elif name in _REPEATED:
            yield from (f"{options[name]}={_word(name, item, path)}" for item in _listed(value))
        else:
            yield f"{options[name]}={_joined(name, value, path)}"


def _joined(name: str, values: object, path: Path) -> str:
    words = [_word(name, value, path) for value in _listed(values)]
    if any("," in word for word in words):
        raise InvalidValueError(f"{name} of {path}", values, "a list with one value an entry")
    return ",".join(words)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _word(name: str, value: object, path: Path) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidValueError(f"{name} of {path}", value, "text, a number, or a list of these")
    return str(value)

"""A request in a TOML file: the options of ``run`` by names of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.cli._toml import joined, listed, read_toml, word
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from inference_bench.cli._parser import Parser

OPTIONS = {
    "models": "--model",
    "endpoints": "--endpoint",
    "endpoint_model": "--endpoint-model",
    "endpoint_key_variable": "--endpoint-key-variable",
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
    "slo": "--slo",
    "output": "--output",
    "format": "--format",
    "label": "--label",
    "note": "--note",
    "tags": "--tag",
}
"""Key → option."""
EFFORTS = ("quick", "thorough")
LIMITS = {
    "precision": "--precision",
    "budget": "--budget",
    "time": "--time",
    "min_samples": "--min-samples",
    "warmup": "--warmup",
    "load_limit": "--load-limit",
    "case_limit": "--case-limit",
}
"""Key → option; times are in seconds, as there."""

REPEATED = ("endpoints", "endpoint_key_variable", "models_dirs", "benchmarks_dirs", "slo", "label", "note", "tags")
"""Keys whose option takes one value at a time; the value may contain a comma."""


def values_of_file(parser: Parser, path: Path) -> dict[str, Any]:
    """Return destination → value of what a file says.

    Raises:
        InvalidValueError: the file cannot be read, or a value is not allowed.
        UnknownNameError: an unknown key.
    """
    words = [*parser.placeholders(), *_words(path)]
    try:
        return parser.said(words)
    except UsageError as error:
        raise InvalidValueError(f"spec file {path}", "a value that is refused", str(error).rstrip(".")) from error


def _words(path: Path) -> Iterator[str]:
    """Yield the file's content as words of the command line."""
    table = read_toml(path, "spec file")
    axes, limits = (_section(name, table.pop(name, {}), path) for name in ("axes", "limits"))
    yield from _options(table, OPTIONS, ("axes", "limits"), path)
    yield from _options(limits, LIMITS, (), path)
    for name, values in axes.items():
        text = joined(f"{name} of {path}", values)
        yield f"--axis={name}={text}"


def _section(name: str, value: object, path: Path) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidValueError(f"{name} of {path}", value, f"a table: [{name}]")
    return value


def _options(
    table: Mapping[str, object], options: Mapping[str, str], sections: Sequence[str], path: Path
) -> Iterator[str]:
    for name, value in table.items():
        what = f"{name} of {path}"
        if name not in options:
            raise UnknownNameError(f"key of {path}", name, [*options, *sections])
        if name == "all":
            if not isinstance(value, bool):
                raise InvalidValueError(what, value, "true or false")
            yield from ["--all"] if value else []
        elif name == "effort":
            if value not in EFFORTS:
                raise InvalidValueError(what, value, " or ".join(EFFORTS))
            yield f"--{value}"
        elif name in REPEATED:
            yield from (f"{options[name]}={word(what, item)}" for item in listed(value))
        else:
            yield f"{options[name]}={joined(what, value)}"

"""Where the values of options come from.

The order is written down here and nowhere else. Of the places below the last one that says something about an option
counts; a table or variable of one command comes after those of all commands:

1. ``[tool.inference_bench]`` and ``[tool.inference_bench.COMMAND]`` of pyproject.toml,
2. the variables ``INFERENCE_BENCH_OPTION`` and ``INFERENCE_BENCH_COMMAND_OPTION``,
3. the file of ``--spec``: one request, which someone named for this run,
4. the command line.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from inference_bench.cli._settings import settings_by_source
from inference_bench.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inference_bench.cli._parser import Parser
    from inference_bench.cli._settings import Setting

_OPTIONS_OF_AXES = {"input_lengths": "input_length"} | {
    name: name for name in ("new_tokens", "device", "dtype", "threads", "attention", "compile", "engine")
}
"""Destination of an option → the axis that it gives values to."""

Values = dict[str, Any]
"""Destination of an option → its value."""


def read_options(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Return the values of all options of a command.

    Args:
        parser: of the command.
        words: after the command on the command line.

    Returns:
        The values; ``told`` are the destinations that the command line gave, ``settings`` what files and variables say
        of the others.

    Raises:
        UsageError: an unknown option or key, or a value that is refused; names where it stands.
    """
    told = parser.said(words)
    settings: dict[str, Setting] = {}
    values: Values = {}
    for source in settings_by_source(parser):
        found = _values_of(source, parser)
        values = _over(values, found, parser.exclusive)
        settings |= {dest: setting for setting in source for dest in found if dest == setting.dest}
    spec = told.get("spec") or values.get("spec")
    if spec is not None:
        from inference_bench.cli._spec_file import values_of_file

        of_spec = values_of_file(parser, spec)
        values = _over(values, of_spec, parser.exclusive)
        settings = {dest: setting for dest, setting in settings.items() if dest not in of_spec}
    values = _over(values, told, parser.exclusive)
    in_force = tuple(setting for dest, setting in settings.items() if dest in values and dest not in told)
    return argparse.Namespace(**{**vars(parser.defaults()), **values, "told": frozenset(told), "settings": in_force})


def origin_in(message: str, settings: Iterable[Setting]) -> str:
    """Return where the values come from that an error quotes; empty if none of them is from a file or variable."""
    places = [of.place for of in settings if any(f"'{word}" in message for word in of.value.split(","))]
    return f"The value is from {' and '.join(places)}." if places else ""


def _values_of(source: Sequence[Setting], parser: Parser) -> Values:
    """Return what the settings of one source say.

    Raises:
        InvalidValueError: a value is refused, or two of them exclude each other.
    """
    found: Values = {}
    places: dict[str, str] = {}
    for setting in source:
        if not setting.words:
            found.setdefault(setting.dest, setting.default)
            continue
        try:
            said = parser.said([*parser.placeholders(), *setting.words])[setting.dest]
        except UsageError as error:
            raise UsageError(f"{setting.place}: {error}") from error
        for group in parser.exclusive:
            other = next((places[dest] for dest in group & set(places)), "") if setting.dest in group else ""
            if other:
                raise InvalidValueError(setting.place, setting.value, f"nothing together with {other}", "Remove one.")
        found[setting.dest], places[setting.dest] = said, setting.place
    return found


def _over(lower: Mapping[str, Any], higher: Mapping[str, Any], exclusive: Iterable[set[str]]) -> Values:
    """Return the values of a source over those of the sources below it.

    What it says of an option also replaces what lower ones say of an option that excludes it, and of the same axis.
    """
    axes = {name for name, _ in higher.get("axis", ())} | {_OPTIONS_OF_AXES.get(dest, "") for dest in higher}
    replaced = {dest for group in exclusive if group & higher.keys() for dest in group}
    replaced |= {dest for dest, axis in _OPTIONS_OF_AXES.items() if axis in axes}
    values = {**{dest: value for dest, value in lower.items() if dest not in replaced}, **higher}
    if "axis" in values:
        kept = [axis for axis in lower.get("axis", ()) if axis[0] not in axes]
        values["axis"] = [*kept, *higher.get("axis", ())]
    return values

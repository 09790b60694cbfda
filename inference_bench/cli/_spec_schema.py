"""The JSON Schema of a request in TOML, made of the keys that are read and the options that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.cli._command import load_command
from inference_bench.cli._parser import Parser
from inference_bench.cli._spec_file import EFFORTS, LIMITS, OPTIONS, REPEATED
from inference_bench.results.json_schema import DIALECT, Schema
from inference_bench.spec import ISOLATIONS, OVERLAPS, PARKS, SUITES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

FILE = "spec.toml"

_WORD: Schema = {"type": ["string", "number"]}
_LIST: Schema = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}
_OF_KEY: Mapping[str, Schema] = {
    "all": {"type": "boolean"},
    "effort": {"enum": list(EFFORTS)},
    "suite": {"enum": list(SUITES)},
    "overlap": {"enum": list(OVERLAPS)},
    "park": {"enum": list(PARKS)},
    "isolation": {"enum": list(ISOLATIONS)},
    "scale": {"enum": ["full", "reduced"]},
}
"""Keys whose values are all known; the names of models, devices and formats are open."""
_OF_METAVAR: Mapping[str, Schema] = {
    "N": {"type": "integer", "minimum": 0},
    "SECONDS": {"type": "number", "exclusiveMinimum": 0},
    "FRACTION": {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"type": "string", "pattern": "%$"}]
    },
}


def spec_schema() -> Schema:
    """Return the schema (2020-12), for editors: it names each key, and refuses what ``run --spec`` would refuse.

    It is stricter in one respect: a number is a number, not also a text of digits.
    """
    parser = Parser(load_command("run"))
    axes: Schema = {"type": "object", "additionalProperties": _LIST}
    sections = {"axes": axes, "limits": _table(LIMITS, parser)}
    table = _table(OPTIONS, parser)
    properties = {**table["properties"], **sections}
    return {"$schema": DIALECT, "title": FILE, **table, "properties": properties, "allOf": _exclusive(parser)}


def _table(options: Mapping[str, str], parser: Parser) -> Schema:
    actions = {key: _action(parser, option) for key, option in options.items()}
    properties = {key: {"description": _about(key, action), **_values(key, action)} for key, action in actions.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _about(key: str, action: argparse.Action) -> str:
    return " or ".join(EFFORTS) if key == "effort" else (action.help or "").replace("%%", "%")


def _values(key: str, action: argparse.Action) -> Schema:
    """Return what a key may be."""
    metavar = str(action.metavar)
    if key in _OF_KEY:
        return _OF_KEY[key]
    if key in REPEATED or "[," in metavar:
        return _LIST
    return _OF_METAVAR.get(metavar, _WORD)


def _exclusive(parser: Parser) -> list[Schema]:
    """Return that keys whose options exclude each other do not stand together."""
    keys = [[key for key in OPTIONS if _action(parser, OPTIONS[key]).dest in group] for group in parser.exclusive]
    return [{"not": {"required": pair}} for pair in keys if len(pair) > 1]


def _action(parser: Parser, option: str) -> argparse.Action:
    return next(action for action in parser.options if option in action.option_strings)

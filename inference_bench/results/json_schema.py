"""JSON Schemas, made of the annotations by which files are read and of the types in which answers are written."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from inference_bench.result import RunRecord
from inference_bench.results.documents import RecordDocument, ResultsDocument

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Mapping[Any, Schema] = {
    float: {"type": ["number", "null"]},  # null stands for NaN, which JSON cannot hold
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    types.NoneType: {"type": "null"},
    Any: {},
    object: {},
}
_VERSION: Schema = {"type": "object", "properties": {"schema_version": {"type": "integer"}}}

FILES: Mapping[str, tuple[Any, ...]] = {"run.json": (RunRecord, RecordDocument), "results.json": (ResultsDocument,)}
"""File of a run folder → the types that it is read as."""


@dataclass(frozen=True, slots=True)
class Also:
    """In ``Annotated[A, Also(B)]``: an object with the fields of both types."""

    kind: Any


def schema_of_file(name: str) -> Schema:
    """Return the JSON Schema (2020-12) of ``run.json`` or ``results.json``.

    It allows keys that it does not name: a later version may have added them.
    """
    parts = [_VERSION, *map(schema_of, FILES[name])]
    return {"$schema": DIALECT, "title": name, "allOf": parts}


def schema_of_answer(name: str, kind: Any) -> Schema:
    """Return the JSON Schema (2020-12) of what a command prints with ``--json``, made of a type."""
    return {"$schema": DIALECT, "title": f"{name} --json", **schema_of(kind)}


def schema_of(kind: Any) -> Schema:
    """Return the schema of the plain data that ``read_as`` accepts, and ``plain`` makes, for a type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(of) for of in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Annotated:
        others = (of.kind for of in arguments[1:] if isinstance(of, Also))
        return {"allOf": [schema_of(of) for of in (arguments[0], *others)]}
    if origin is NotRequired:
        return schema_of(arguments[0])
    if origin is tuple and arguments[-1] is not ...:
        items = [schema_of(of) for of in arguments]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if origin is not None and issubclass(origin, Sequence):
        return {"type": "array", "items": schema_of(arguments[0])}
    if issubclass(kind, Enum):
        return {"enum": [each.name.lower() if issubclass(kind, IntEnum) else each.value for each in kind]}
    return _of_fields(kind)


def _of_fields(kind: Any) -> Schema:
    """Return the schema of a TypedDict or dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        required = [name for name in kind.__required_keys__ if get_origin(hints[name]) is not NotRequired]
    else:
        assert is_dataclass(kind)
        required = [of.name for of in fields(kind) if of.default is MISSING and of.default_factory is MISSING]
    properties = {name: schema_of(of) for name, of in hints.items()}
    return {"type": "object", "properties": properties, "required": sorted(required)}

"""Plain data as typed values: a file's content is checked against the annotations of dataclasses and TypedDicts.

The annotations are the only list of fields and types, so that a new field is checked as soon as it is declared. A key
that no annotation names is kept (TypedDict) or left out (dataclass): a later version may have added it.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NotRequired,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from inference_bench.errors import InferenceBenchError, RunFormatError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from inference_bench.results.storage import Folder

T = TypeVar("T")
Reader = Callable[[object], Any]

DEEPEST = 100
"""Levels of nesting that are read where any value is allowed; the files that this package writes have a few."""

_QUOTED = 60
"""Characters of a wrong value that a message quotes."""

ADVICE = "It was changed by hand or by another tool: restore it, or measure again."


class _WrongValueError(Exception):
    """A value of another type than its annotation; ``path`` leads to it, innermost key first."""

    def __init__(self, given: str, expected: str) -> None:
        super().__init__(given, expected)
        self.given, self.expected = given, expected
        self.path: list[str] = []


def read_json(path: Folder, advice: str = ADVICE) -> object:
    """Return the content of a JSON file as plain data.

    Raises:
        RunFormatError: the file cannot be read, or is not whole JSON.
    """
    import orjson

    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise RunFormatError(f"{path}: {error.strerror}; expected a file that can be read.") from error
    except orjson.JSONDecodeError as error:
        raise RunFormatError(f"{path}: not whole JSON ({error}). {advice}") from error


def read_as(kind: type[T], value: object, where: object, advice: str = ADVICE) -> T:
    """Return plain data as a value of a type.

    Null stands for a float that JSON cannot hold, NaN.

    Args:
        kind: dataclass, TypedDict, or one of their annotations.
        value: as JSON or TOML was parsed.
        where: file or folder that it comes from, for the message.
        advice: what to do about a wrong value.

    Raises:
        RunFormatError: a value of another type; names the file, the key, what was given and what was expected.
    """
    try:
        found: T = _reader(cast("Hashable", kind))(value)
    except _WrongValueError as error:
        key = "".join(reversed(error.path)).lstrip(".") or "content"
        raise RunFormatError(f"{where}: {key} is {error.given}, expected {error.expected}. {advice}") from None
    return found


@cache
def _reader(kind: Any) -> Reader:
    """Return the function that reads one type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return _anything
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    if origin is Literal:
        return _of_words({word: word for word in arguments})
    if origin is NotRequired:
        return _reader(arguments[0])
    if origin is tuple and arguments[-1] is not ...:
        return _of_row(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _of_mapping(arguments[1])
    if origin is not None and issubclass(origin, Sequence):
        return _of_sequence(arguments[0], tuple if origin is tuple else list)
    if is_typeddict(kind):
        return _of_typed_dict(kind)
    if is_dataclass(kind):
        return _of_dataclass(kind)
    if issubclass(kind, Enum):
        return _of_enum(kind)
    return _SCALARS[kind]


def _number(value: object) -> object:
    if value is None:
        return math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise _WrongValueError(_quoted(value), "a number")


def _scalar(kind: type, expected: str) -> Reader:
    def read(value: object) -> object:
        if type(value) is kind:
            return value
        raise _WrongValueError(_quoted(value), expected)

    return read


_SCALARS: Mapping[type, Reader] = {
    float: _number,
    int: _scalar(int, "a whole number"),
    bool: _scalar(bool, "true or false"),
    str: _scalar(str, "text"),
    types.NoneType: _scalar(types.NoneType, "null"),
}


def _of_union(kinds: Sequence[Any]) -> Reader:
    """Return the reader of several types; null is looked for first, because a float accepts it as well."""
    readers = [_reader(kind) for kind in kinds if kind is not types.NoneType]
    nullable = len(readers) < len(kinds)

    def read(value: object) -> object:
        if value is None and nullable:
            return None
        wrong = []
        for reader in readers:
            try:
                return reader(value)
            except _WrongValueError as error:
                wrong.append(error)
        inner = next((error for error in wrong if error.path), None)
        expected = [*(error.expected for error in wrong), *(["null"] if nullable else [])]
        raise inner or _WrongValueError(wrong[0].given, " or ".join(expected))

    return read


def _of_sequence(kind: Any, build: type) -> Reader:
    reader = _reader(kind)

    def read(value: object) -> object:
        if not isinstance(value, (list, tuple)):
            raise _WrongValueError(_quoted(value), "a list")
        found: list[object] = []
        try:
            for item in value:
                found.append(reader(item))
        except _WrongValueError as error:
            error.path.append(_step(len(found)))
            raise
        return found if build is list else tuple(found)

    return read


def _of_row(kinds: Sequence[Any]) -> Reader:
    """Return the reader of a tuple of fixed length."""
    readers = [_reader(kind) for kind in kinds]

    def read(value: object) -> object:
        if not isinstance(value, (list, tuple)) or len(value) != len(readers):
            raise _WrongValueError(_quoted(value), f"a list of {len(readers)}")
        return tuple(_each(enumerate(readers), dict(enumerate(value))).values())

    return read


def _of_mapping(kind: Any) -> Reader:
    reader = _reader(kind)

    def read(value: object) -> object:
        data = _object(value)
        return _each(((name, reader) for name in data), data)

    return read


def _of_typed_dict(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    readers = {name: _reader(of) for name, of in hints.items()}
    # Under `from __future__ import annotations`, __required_keys__ does not know of NotRequired.
    required = [name for name in hints if name in kind.__required_keys__ and get_origin(hints[name]) is not NotRequired]

    def read(value: object) -> object:
        data = _object(value)
        _require(required, data, readers)
        return _each(((name, readers.get(name, _anything)) for name in data), data)

    return read


def _of_dataclass(kind: Any) -> Reader:
    readers = {name: _reader(of) for name, of in get_type_hints(kind).items()}
    required = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]

    def read(value: object) -> object:
        data = _object(value)
        _require(required, data, readers)
        values = _each(readers.items(), data)
        try:
            return kind(**values)
        except InferenceBenchError as error:  # a value of the right type that is not allowed
            raise _WrongValueError(f"not allowed ({error})", "what this version of inference_bench knows") from None

    return read


def _of_enum(kind: type[Enum]) -> Reader:
    """Return the reader of an enumeration: text by its value, numbers by their names in lower case."""
    return _of_words({each.name.lower() if issubclass(kind, IntEnum) else each.value: each for each in kind})


def _of_words(words: Mapping[str, object]) -> Reader:
    def read(value: object) -> object:
        if isinstance(value, str) and value in words:
            return words[value]
        raise _WrongValueError(_quoted(value), f"one of {', '.join(words)}")

    return read


def _anything(value: object) -> object:
    if isinstance(value, (dict, list)) and _depth(value) > DEEPEST:
        raise _WrongValueError(f"nested more than {DEEPEST} levels deep", "plain data")
    return value


def _depth(value: object) -> int:
    """Return the levels of nesting, at most ``DEEPEST`` + 1, without recursion."""
    level: list[object] = [value]
    for depth in range(DEEPEST + 1):
        level = [
            item
            for each in level
            if isinstance(each, (dict, list))
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return depth
    return DEEPEST + 1


def _object(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise _WrongValueError(_quoted(value), "an object")


def _require(names: Sequence[str], data: Mapping[str, object], readers: Mapping[str, Reader]) -> None:
    for name in names:
        if name not in data:
            try:
                readers[name](_Missing())
            except _WrongValueError as error:
                error.path = [f".{name}"]
                raise


class _Missing:
    """Stands for a key that is not there: no reader accepts it."""


def _each(readers: Iterable[tuple[Any, Reader]], data: Mapping[Any, object]) -> dict[Any, Any]:
    """Read each value that is there; a wrong one is told by its key."""
    found = {}
    key: object = None
    try:
        for key, reader in readers:
            if key in data:
                found[key] = reader(data[key])
    except _WrongValueError as error:
        error.path.append(_step(key))
        raise
    return found


def _step(key: object) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{_quoted(key)}]"


def _quoted(value: object) -> str:
    """Return the beginning of a value; ``repr`` leaves no control character unescaped."""
    if isinstance(value, _Missing):
        return "missing"
    if isinstance(value, (dict, list)) and _depth(value) > 3:
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"

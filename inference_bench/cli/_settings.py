"""Options from outside of the command line: a table in pyproject.toml, and variables of the environment.

Nothing is parsed where there is neither: a pyproject.toml is read as bytes, and looked at only if it names the table.
"""

from __future__ import annotations

import argparse
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import command_names, load_command
from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inference_bench.cli._parser import Parser

FILE = "pyproject.toml"
TABLE = "tool.inference_bench"
PREFIX = "INFERENCE_BENCH_"

_TABLE_TEXT = re.compile(rb"tool\.[\"']?inference[_-]bench")
_ALSO = {"--results": "--output"}
"""Option → another one whose setting holds for it as well: runs are looked for where they are written."""

_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one option.

    Attributes:
        option: ``--dtype``.
        dest: where the parser stores it.
        place: file, table and key, as in ``pyproject.toml [tool.inference_bench.run] dtype``, or the variable.
        value: as text.
        words: of the command line that say the same; none: a flag is off.
        default: value of an option that is off.
    """

    option: str
    dest: str
    place: str
    value: str
    words: tuple[str, ...]
    default: object = None


def settings_by_source(parser: Parser) -> Iterator[list[Setting]]:
    """Yield the settings of a command, those that count least first.

    Raises:
        UsageError: the file cannot be read, names an unknown option or one option twice, or gives it a value of a
            wrong type.
    """
    names = {_long(action): action for action in parser.settable}
    path = find_file(Path.cwd())
    if path is not None:
        yield from _of_file(path, parser.command.name, names)
    if any(name.startswith(PREFIX) for name in os.environ):
        yield _of_variables(names, PREFIX)
        own = f"{PREFIX}{parser.command.name.upper()}_"
        yield _of_variables(names, own)
        _refuse_unknown_variables(names, own)


def find_file(start: Path) -> Path | None:
    """Return the pyproject.toml with the table in a folder or its nearest parent; None if there is none."""
    for folder in (start, *start.parents):
        with suppress(OSError):
            if _TABLE_TEXT.search((folder / FILE).read_bytes()) and _table_of(folder / FILE) is not None:
                return folder / FILE
    return None


def variable_of(option: str, command: str = "") -> str:
    """Return the name of the variable for an option, of all commands or of one."""
    words = [command, option.lstrip("-")] if command else [option.lstrip("-")]
    return PREFIX + "_".join(words).replace("-", "_").upper()


def _table_of(path: Path) -> dict[str, object] | None:
    from inference_bench.cli._toml import read_toml

    tool = read_toml(path, "configuration file").get("tool")
    if not isinstance(tool, dict):
        return None
    if "inference-bench" in tool:
        raise UnknownNameError(f"table of {path}", "tool.inference-bench", [TABLE])
    table = tool.get("inference_bench")
    return table if isinstance(table, dict) else None


def _of_file(path: Path, command: str, names: Mapping[str, argparse.Action]) -> Iterator[list[Setting]]:
    """Yield the settings of all commands, then those of the command."""
    table = _table_of(path) or {}
    commands = {name: value for name, value in table.items() if isinstance(value, dict) and name in command_names()}
    general = {name: value for name, value in table.items() if name not in commands}
    yield _of_table(general, names, f"{path} [{TABLE}]", general=True)
    yield _of_table(commands.get(command, {}), names, f"{path} [{TABLE}.{command}]", general=False)


def _of_table(
    table: Mapping[str, object], names: Mapping[str, argparse.Action], where: str, *, general: bool
) -> list[Setting]:
    """Return the settings in a table; in one for all commands, options of other commands are passed over."""
    found: dict[str, Setting] = {}
    keys: dict[str, str] = {}
    for key, value in table.items():
        option = "--" + key.replace("_", "-")
        if option in keys:
            raise InvalidValueError(f"{where} {key}", "the option again", f"it once: {keys[option]} is the same")
        keys[option] = key
        if option not in names and not (general and option in _options_of_all()):
            known = sorted(_options_of_all() if general else names)
            tables = command_names() if general else []
            raise UnknownNameError(f"key of {where}", key, [*(name[2:].replace("-", "_") for name in known), *tables])
        for name in _options_for(option, names):
            if name == option or name not in found:
                found[name] = _from_toml(name, names[name], f"{where} {key}", value)
    return list(found.values())


def _options_for(option: str, names: Mapping[str, argparse.Action]) -> Iterator[str]:
    """Yield the options of a command that a setting holds for."""
    return (name for name in names if option in (name, _ALSO.get(name)))


def _options_of_all() -> set[str]:
    """Return the options of all commands; a broken command has none."""
    from inference_bench.cli._parser import Parser

    found = set()
    for name in command_names():
        with suppress(InferenceBenchError):
            found |= {_long(action) for action in Parser(load_command(name)).settable}
    return found


def _from_toml(option: str, action: argparse.Action, place: str, value: object) -> Setting:
    """Return the setting that a value of the file is."""
    from inference_bench.cli._toml import joined, listed, word

    def setting(text: str, words: Iterable[str]) -> Setting:
        return Setting(option, action.dest, place, text, tuple(words), action.default)

    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InvalidValueError(place, value, "true or false")
        return setting(str(value).lower(), [option] if value else [])
    if isinstance(value, dict) and str(action.metavar).startswith(("NAME=", "KEY=", "FORMAT=")):
        words = [f"{key}={joined(f'{place}.{key}', item)}" for key, item in value.items()]
    elif isinstance(action, argparse._AppendAction):
        words = [word(place, item) for item in listed(value)]
    elif "[," in str(action.metavar):
        words = [joined(place, value)]
    else:
        words = [word(place, value)]
    return setting(",".join(words), (f"{option}={text}" for text in words))


def _of_variables(names: Mapping[str, argparse.Action], prefix: str) -> list[Setting]:
    """Return the settings of the variables with a prefix; an empty variable says nothing."""
    found = []
    for option, action in names.items():
        for name in (option, _ALSO.get(option, "")):
            variable = prefix + name.lstrip("-").replace("-", "_").upper()
            value = os.environ.get(variable, "") if name else ""
            if value:
                found.append(_from_text(option, action, variable, value))
                break
    return found


def _refuse_unknown_variables(names: Iterable[str], prefix: str) -> None:
    """Refuse a variable that names the command and no option of it."""
    known = [prefix + name.lstrip("-").replace("-", "_").upper() for name in names]
    for name in os.environ:
        if name.startswith(prefix) and name not in known:
            raise UnknownNameError("variable", name, known)


def _from_text(option: str, action: argparse.Action, variable: str, value: str) -> Setting:
    words: tuple[str, ...] = (f"{option}={value}",)
    if action.nargs == 0:
        if value.lower() not in (*_ON, *_OFF):
            raise InvalidValueError(variable, value, f"one of {', '.join((*_ON, *_OFF))}")
        words = (option,) if value.lower() in _ON else ()
    return Setting(option, action.dest, variable, value, words, action.default)


def _long(action: argparse.Action) -> str:
    return action.option_strings[-1]

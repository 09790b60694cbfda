"""Find plugins by name: a module in a package, a file anywhere, or an entry point.

A plugin is imported on demand, so listing names is cheap and a broken plugin does not affect others.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import zlib
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from inference_bench.errors import PluginError, UnknownNameError
from inference_bench.extras import install_advice
from inference_bench.moved import advice

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

_STANDS_FOR = "__inference_bench_class__"
"""Attribute of an object, such as a decorated function, with the plugin's class that it stands for."""


def names_in(package: str) -> list[str]:
    """Return the names of a package's public modules, sorted."""
    module = importlib.import_module(package)
    return sorted(info.name for info in iter_modules(module.__path__) if not info.name.startswith("_"))


def entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, of all distributions that are installed."""
    return _installed(tuple(sys.path)).get(group, [])


@cache
def _installed(path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """Return group → entry points. All distributions are read, which takes some 15 ms, so it is done once."""
    from importlib.metadata import entry_points

    found = entry_points()
    return {group: list(found.select(group=group)) for group in found.groups if group.startswith("inference_bench.")}


def plugin_names(package: str) -> list[str]:
    """Return the names of a package's public modules and of the entry points of its group."""
    inside = names_in(package)
    return [*inside, *sorted({point.name for point in entry_points(group=_group(package))} - set(inside))]


def load_class(kind: str, package: str, name: str, base: type[T]) -> type[T]:
    """Import ``package.name``, or the entry point of this name in the package's group, and return its class.

    The group is named after the last word of the package: ``inference_bench.devices`` for
    ``inference_bench.machine.devices``.

    Raises:
        UnknownNameError: no such plugin.
        PluginError: it has no single subclass of ``base`` or cannot be imported.
    """
    names = names_in(package)
    outside = {} if name in names else {point.name: point for point in entry_points(group=_group(package))}
    if name not in names and name not in outside:
        raise UnknownNameError(kind, name, [*names, *outside])
    found: Any
    try:
        found = importlib.import_module(f"{package}.{name}") if name in names else outside[name].load()
    except Exception as error:
        raise broken(kind, name, "cannot be imported", error) from error
    of = class_of(found)
    return of if of is not None and issubclass(of, base) else class_in(found, base, kind, name)


def stand_for(thing: object, of: type) -> None:
    """Let an object, such as a function, stand for a plugin's class wherever a module or an entry point has it.

    Raises:
        PluginError: the object accepts no attribute, as a builtin function.
    """
    try:
        setattr(thing, _STANDS_FOR, of)
    except (AttributeError, TypeError):
        raise PluginError(f"{thing!r} accepts no attribute: expected a function of yours. Wrap it in a def.") from None


def class_of(thing: object) -> type | None:
    """Return the class that an object is, or stands for; None for any other object."""
    if isinstance(thing, type):
        return thing
    found = getattr(thing, "__dict__", {}).get(_STANDS_FOR)
    return found if isinstance(found, type) else None


def class_in(module: ModuleType, base: type[T], kind: str, name: str) -> type[T]:
    """Return the one subclass of ``base`` that the module defines or stands for, and give it the plugin's name.

    Raises:
        PluginError: it defines none, or several.
    """
    classes = dict.fromkeys(filter(None, map(class_of, vars(module).values())))
    own = f"{module.__name__}."  # of the module, or of one in it if it is a package
    found = [each for each in classes if issubclass(each, base) and f"{each.__module__}.".startswith(own)]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise PluginError(
            f"{kind} {name!r}: {module.__file__} must define exactly one {base.__name__} subclass; found {names}."
        )
    found[0].name = name  # type: ignore[attr-defined]
    return found[0]


def _group(package: str) -> str:
    return f"inference_bench.{package.rpartition('.')[2]}"


def import_file(kind: str, name: str, path: Path) -> ModuleType:
    """Import a file outside of any package, once.

    Raises:
        PluginError: it cannot be imported; names file and line.
    """
    path = path.absolute()
    module_name = f"inference_bench._plugins.{path.parent.name}.{name}.{zlib.crc32(os.fsencode(path)):08x}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{kind} {name!r}: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise broken(kind, name, _where(error, path), error) from error
    return module


def broken(kind: str, name: str, where: str, error: BaseException) -> PluginError:
    """Return the error for a plugin that cannot be imported, with advice on an old path or a missing package."""
    hint = advice(error) or install_advice(error)
    return PluginError(f"{kind} {name!r}: {where}: {error!r}" + (f". {hint}." if hint else ""))


def _where(error: BaseException, path: Path) -> str:
    """Return ``file:line`` of the innermost frame inside ``path``, or of a syntax error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)

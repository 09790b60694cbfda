"""The packages of ``inference_bench`` and what they import: ``python -m tests.layers`` prints it.

A room is a folder or a file at the root of the package. ``ORDER`` lists the rooms from the lowest floor to the
highest. Every import counts, also under ``TYPE_CHECKING`` and inside functions.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "inference_bench"
NAME = PACKAGE.name

ORDER = (
    "errors units text grade moved _native _native_types",
    "extras slo clock_scale server_stages",
    "plugins",
    "spec metrics columns facts ceilings demands provenance",
    "plan calibration",
    "result",
    "analysis",
    "machine",
    "endpoint",
    "model",
    "benchmark",
    "benchmarks",
    "results",
    "reports",
    "dossier",
    "orchestration",
    "live timing",
    "runner scaffold pytest_plugin testing",
    "__init__",
    "cli",
    "__main__",
)
MEASURING = frozenset({"machine", "endpoint", "model", "benchmark", "benchmarks"})
OUTPUT = frozenset({"results", "reports", "dossier"})

FLOORS = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms.split()}


@cache
def files() -> Mapping[str, Path]:
    """Return each module's file by its dotted name without the package's: ``live.profiler``, ``__init__``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        words = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(words[:-1] if words[-1] == "__init__" and len(words) > 1 else words)] = path
    return found


def room_of(module: str) -> str:
    """Return the room that a module stands in."""
    return module.partition(".")[0]


def imported(path: Path, *, while_importing: bool = False) -> Iterator[str]:
    """Yield the full names of imported modules; with ``while_importing`` only those that importing the file imports."""
    for node in _walk(ast.parse(path.read_text()), while_importing):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from _sources(node)


def _walk(node: ast.AST, while_importing: bool) -> Iterator[ast.AST]:
    late = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    for child in ast.iter_child_nodes(node):
        if while_importing and (isinstance(child, late) or _is_for_types_only(child)):
            continue
        yield child
        yield from _walk(child, while_importing)


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _sources(node: ast.ImportFrom) -> list[str]:
    """Return what ``from A import b`` imports: ``A.b`` where that is a module, else ``A``."""
    module = node.module or ""
    names = [f"{module}.{alias.name}" for alias in node.names]
    modules = [name for name in names if own_name(name) in files() or own_name(name) == "_native"]
    return [*modules, *([module] if len(modules) < len(names) else [])]


def own_name(name: str) -> str | None:
    """Return a full name without the package's, or None for a module of somebody else; the package is ``__init__``."""
    if name == NAME:
        return "__init__"
    return name.removeprefix(f"{NAME}.") if name.startswith(f"{NAME}.") else None


def own_imports(path: Path) -> set[str]:
    """Return which modules of this package a file imports."""
    return {own for name in imported(path) if (own := own_name(name)) is not None}


def graph() -> dict[str, set[str]]:
    """Return which modules each module of the package imports."""
    return {module: own_imports(path) - {module} for module, path in files().items()}


def between_rooms(imports: Mapping[str, Iterable[str]]) -> Counter[tuple[str, str]]:
    """Count the imports between rooms: from a room, to another."""
    pairs = ((room_of(module), room_of(other)) for module, others in imports.items() for other in others)
    return Counter((room, other) for room, other in pairs if room != other)


def refusal(room: str, other: str) -> str | None:
    """Return why a room may not import another, or None where it may."""
    if FLOORS[other] >= FLOORS[room]:
        return f"{room} (floor {FLOORS[room]}) imports upwards: {other} (floor {FLOORS[other]})"
    if (room in MEASURING and other in OUTPUT) or (room in OUTPUT and other in MEASURING):
        return f"the measuring and the output wing meet: {room} imports {other}"
    if room == "live" and other in MEASURING:
        return f"live imports {other}, of the measuring wing"
    return None


def circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return each set of modules that import each other in a circle (Tarjan 1972: strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in imports.get(module, ()):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            at = stack.index(module)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                found.append(sorted(component))

    for module in imports:
        if module not in index:
            visit(module)
    return found


def main() -> None:
    """Print each floor with its rooms and what they import, then what breaks a rule."""
    imports = graph()
    pairs = between_rooms(imports)
    for floor, rooms in reversed(list(enumerate(ORDER))):
        for room in rooms.split():
            below = [f"{other} {count}" for (of, other), count in sorted(pairs.items()) if of == room]
            print(f"{floor:2}  {room:<14} {', '.join(below)}")
    refused = [text for room, other in pairs if (text := refusal(room, other))]
    print(f"\n{len(imports)} files in {len(FLOORS)} rooms on {len(ORDER)} floors")
    print(f"{sum(pairs.values())} imports between rooms, {len(pairs)} pairs of rooms")
    print(f"against the rules: {len(refused)}", *refused, sep="\n  ")
    found = circles(imports)
    print(f"circles of files: {len(found)}", *(" ".join(each) for each in found), sep="\n  ")


if __name__ == "__main__":
    main()

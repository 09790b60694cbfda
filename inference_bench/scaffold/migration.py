"""Copy a legacy layout of model benchmarks to the standard one.

    models/<name>/benchmarks/*.py                                             flat
    src/**/models/<name>/benchmarks/{unit,integration,performance}/*.py       by kind, deep in a package

Both become ``models/<name>/benchmarks/<kind>/benchmark_<benchmark>.py``; other files of a model's folder are copied
too. Nothing is overwritten or removed, and a second migration has nothing to do.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile

from inference_bench.benchmark.discovery import KINDS
from inference_bench.errors import InvalidValueError

_IGNORED = {"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"}
_WORDS_OF_KIND = {
    "unit": {"accuracy", "answers", "correctness", "quality"},
    "integration": {"agreement", "compare", "comparison", "consistency", "parity", "regression"},
}
"""Words in a flat file's name that identify its kind; the default is performance."""

_AFFIXES = {"bench", "benchmark", "benchmarks", "test", "tests"}
"""Words in a legacy file's name that are dropped."""


class State(StrEnum):
    """The state of one file."""

    COPY = "copy"
    DONE = "done"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Step:
    """The copy of one file.

    Attributes:
        source: the file, which stays.
        target: the path of its copy.
        state: ``copy``; ``done`` if an equal file exists; ``conflict`` if another one exists or is also copied there.
    """

    source: Path
    target: Path
    state: State


@dataclass(frozen=True, slots=True)
class Migration:
    """The plan of a migration.

    Attributes:
        steps: the files to copy.
        incomplete: model folders that will have no ``model.py``.
        skipped: symbolic links, which are not followed.
    """

    steps: tuple[Step, ...]
    incomplete: tuple[Path, ...]
    skipped: tuple[Path, ...]

    def count(self, state: State) -> int:
        """Return the number of files in this state."""
        return sum(step.state is state for step in self.steps)


def default_target(old: Path) -> Path:
    """Return the standard folder for the models of a tree."""
    return old if old.name == "models" else old / "models"


def plan_migration(old: Path, to: Path) -> Migration:
    """Find every legacy model under ``old`` and plan the copies of its files under ``to``; changes nothing.

    Raises:
        InvalidValueError: no such folder, or no model with benchmarks in it.
    """
    if not old.is_dir():
        raise InvalidValueError("legacy layout", str(old), "an existing folder")
    if to.exists() and not to.is_dir():
        raise InvalidValueError("target", str(to), "a folder, or nothing yet")
    models = list(_legacy_models(old.resolve()))
    if not models:
        expected = "models/<name>/benchmarks/*.py somewhere in it"
        raise InvalidValueError("legacy layout", str(old), expected, "Name the folder that holds models/.")
    ways = [way for model in models for way in _ways(model, to.resolve() / _module_name(model.name))]
    steps = tuple(_steps(ways))
    folders = sorted({to.resolve() / _module_name(model.name) for model in models})
    coming = {step.target for step in steps}
    return Migration(
        steps=steps,
        incomplete=tuple(of for of in folders if of / "model.py" not in coming and not (of / "model.py").is_file()),
        skipped=tuple(path for model in models for path in sorted(model.rglob("*")) if path.is_symlink()),
    )


def apply_migration(migration: Migration) -> None:
    """Copy the files with the state ``copy``.

    Raises:
        InvalidValueError: a file cannot be written.
    """
    for step in migration.steps:
        if step.state is State.COPY:
            try:
                _copy(step.source, step.target)
            except OSError as error:
                raise InvalidValueError("target", str(step.target), "one that can be written", f"{error}.") from error


def _legacy_models(root: Path) -> Iterator[Path]:
    """Yield the models of every folder named ``models`` that has at least one model with benchmarks."""
    for folder, names, _ in os.walk(root):
        names[:] = sorted(name for name in names if name not in _IGNORED and not name.startswith("."))
        if Path(folder).name == "models":
            models = [Path(folder) / name for name in names]
            if any(_has_benchmarks(model) for model in models):
                yield from (model for model in models if _has_benchmarks(model) or (model / "model.py").is_file())


def _has_benchmarks(model: Path) -> bool:
    return any((model / "benchmarks").rglob("*.py"))


def _ways(model: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (source, target) for each file of a model that is not in its standard place."""
    taken: dict[str, str] = {}
    for path in _files(model):
        inside = path.relative_to(model)
        if target / inside == path and not _is_misplaced(inside):
            continue
        if not _is_benchmark(inside):
            yield path, target / inside
            continue
        kind, name = _kind_and_name(inside)
        if taken.setdefault(name, kind) != kind:
            name = f"{name}_{kind}"  # a benchmark's name is unique across kinds
        yield path, target / "benchmarks" / kind / f"benchmark_{name}.py"


def _is_benchmark(inside: Path) -> bool:
    helper = inside.name.startswith("_") or inside.name == "conftest.py"
    return inside.parts[0] == "benchmarks" and inside.suffix == ".py" and not helper


def _is_misplaced(inside: Path) -> bool:
    in_place = len(inside.parts) == 3 and inside.parts[1] in KINDS and inside.name.startswith("benchmark_")
    return _is_benchmark(inside) and not in_place


def _files(model: Path) -> list[Path]:
    """Return a model's regular files, in an order that does not depend on the file system."""
    found = [path for path in sorted(model.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in found if _IGNORED.isdisjoint(path.relative_to(model).parts) and path.name != "__init__.py"]


def _kind_and_name(inside: Path) -> tuple[str, str]:
    """Return a benchmark's kind and name from its path in the model's folder, ``benchmarks/…/<file>.py``."""
    words = [word for word in _module_name(inside.stem).split("_") if word]
    kind = next((part for part in [*inside.parts[1:-1], *words] if part in KINDS), None)
    if kind is None:
        kind = next((of for of, telling in _WORDS_OF_KIND.items() if not telling.isdisjoint(words)), "performance")
    essential = [word for word in words if word not in _AFFIXES]
    # "unit_accuracy.py" is about accuracy, but "performance.py" has no other name.
    name = [word for word in essential if word not in KINDS] or essential or words
    return kind, "_".join(name)


def _module_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _steps(ways: Sequence[tuple[Path, Path]]) -> Iterator[Step]:
    coming: dict[Path, Path] = {}
    for source, target in ways:
        first = coming.setdefault(target, source)
        if not filecmp.cmp(first, source, shallow=False):
            yield Step(source, target, State.CONFLICT)
        elif os.path.lexists(target):
            same = target.is_file() and filecmp.cmp(source, target, shallow=False)
            yield Step(source, target, State.DONE if same else State.CONFLICT)
        else:
            yield Step(source, target, State.COPY if first is source else State.DONE)


def _copy(source: Path, target: Path) -> None:
    """Link a finished copy into place: atomic, and fails if the target exists."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=".migrate-") as copy:
        shutil.copy2(source, copy.name)
        os.link(copy.name, target)

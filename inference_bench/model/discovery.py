"""Find models: folders under ``models/``, the user's folders, and entry points."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from inference_bench.errors import InvalidValueError, PluginError
from inference_bench.model.model import Model
from inference_bench.plugins import broken, class_in, import_file


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The location of a model plugin."""

    name: str
    path: Path


def models_root() -> Path | None:
    """Return the ``models/`` folder of the source tree, or the installed one."""
    package = Path(__file__).parents[1]
    candidates = [package.parent / "models"] if (package.parent / "pyproject.toml").is_file() else []
    return next((folder for folder in [*candidates, package / "models"] if folder.is_dir()), None)


def find_models(extra: Iterable[Path] = ()) -> dict[str, ModelFile]:
    """Return every model by name: the project's own, those in ``extra`` folders, and entry points.

    Raises:
        InvalidValueError: an ``extra`` folder that does not exist.
        PluginError: two models of one name.
    """
    found: dict[str, ModelFile] = {}
    for file in model_files(extra):
        if file.name in found:
            raise PluginError(f"two models named {file.name!r}: {found[file.name].path} and {file.path}. Rename one.")
        found[file.name] = file
    return found


def model_files(extra: Iterable[Path]) -> Iterator[ModelFile]:
    """Yield every model's file, including models with the same name.

    Raises:
        InvalidValueError: an ``extra`` folder that does not exist.
        PluginError: the package of an entry point cannot be imported.
    """
    root = models_root()
    roots = [root] if root else []
    for folder in extra:
        if not folder.is_dir():
            raise InvalidValueError("models folder", str(folder), "an existing folder with <name>/model.py in it")
        roots.append(folder)
    for folder in roots:
        for path in sorted(folder.glob("*/model.py")):
            yield ModelFile(path.parent.name, path)
    for point in entry_points(group="inference_bench.models"):
        try:
            spec = importlib.util.find_spec(point.module)
        except Exception as error:  # finding a module imports the packages around it
            raise broken("model", point.name, f"entry point {point.value}", error) from error
        if spec is not None and spec.origin is not None:
            yield ModelFile(point.name, Path(spec.origin))


def load_model(file: ModelFile) -> type[Model]:
    """Import a model's file and return its class.

    Raises:
        PluginError: the file cannot be imported, or has no single subclass of ``Model``; names file and line.
    """
    return class_in(import_file("model", file.name, file.path), Model, "model", file.name)

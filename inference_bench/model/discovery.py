"""Find models: folders under ``models/``, the user's folders, entry points, and places of weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, PluginError, UnknownNameError
from inference_bench.model.model import Model
from inference_bench.model.places import FORMS, Place, name_of, place_of, titles_of
from inference_bench.plugins import broken, class_in, entry_points, import_file

if TYPE_CHECKING:
    from inference_bench.model.endpoint.place import EndpointPlace


@dataclass(frozen=True, slots=True)
class ModelFile:
    """Where a model comes from: the file of a plugin, or the place of its weights.

    Attributes:
        name: unique in a run.
        path: the plugin's ``model.py``, or the folder or file that describes the model.
        title: of a model at a place; a plugin states its own.
        place: None for a plugin.
    """

    name: str
    path: Path
    title: str = ""
    place: Place | EndpointPlace | None = None

    @property
    def folder(self) -> Path | None:
        """The plugin's folder, whose benchmarks are the model's own; None for a place, from which no code is run."""
        return self.path.parent if self.place is None else None


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


def resolve_models(words: Sequence[str], known: Mapping[str, ModelFile]) -> dict[str, ModelFile]:
    """Return what each value of ``--model`` means: the name of a known model, or a place of weights.

    Models at places get names that are unique among these and the known ones.

    Raises:
        UnknownNameError: neither a known name nor a place.
        UsageError: a place that holds no model, or one that is given twice.
    """
    places = {word: place for word in words if word not in known and (place := place_of(word)) is not None}
    for word in words:
        if word not in known and word not in places:
            raise UnknownNameError("model", word, known, f"Or {FORMS}.")
    _refuse_twice(places)
    titles = titles_of(list(places.values()), known)
    found = {
        word: ModelFile(name_of(title), place.path, title, place)
        for (word, place), title in zip(places.items(), titles, strict=True)
    }
    return {word: known[word] if word in known else found[word] for word in words}


def _refuse_twice(places: Mapping[str, Place | EndpointPlace]) -> None:
    first: dict[Place | EndpointPlace, str] = {}
    for word, place in places.items():
        if place in first:
            raise InvalidValueError("models", f"{first[place]} and {word}", "each place once")
        first[place] = word


def load_model(file: ModelFile) -> type[Model]:
    """Return the class of a model: import a plugin's file, or build it from the files at a place.

    Raises:
        PluginError: the file cannot be imported, or has no single subclass of ``Model``; names file and line.
        InvalidValueError: no class here runs the model at a place.
        WeightsError: a GGUF file with a damaged header.
    """
    if file.place is not None:
        return file.place.load(file.name, file.title)
    return class_in(import_file("model", file.name, file.path), Model, "model", file.name)

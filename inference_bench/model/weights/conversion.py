"""How weights become what an engine loads. Data only: ``converted`` carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Conversion:
    """How weights become what an engine loads.

    Attributes:
        form: short name of the result, for its cache entry: ``gguf-q8_0``.
        converter: what converts, by its own name.
        version: of it.
        module: run as ``python -m MODULE SOURCE FOLDER ARGUMENT…`` in a process of its own; it writes files into the
            folder, which exists and is empty.
        arguments: of the module.
        source: what is converted, if it is not the weights' folder.
        options: of the converter, for people and for the name of the cache entry.
    """

    form: str
    converter: str
    version: str
    module: str
    arguments: tuple[str, ...] = ()
    source: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)

"""The ``config.json`` of the weights that were converted, kept beside the result for what the result does not state."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

_FILE = "source_config.json"


def keep_config(source: Path, target: Path) -> None:
    """Copy the configuration of a weights folder into the folder of its conversion."""
    shutil.copyfile(source / "config.json", target / _FILE)


def source_sizes(folder: Path) -> tuple[int, int]:
    """Return the most positions and the number of tokens of weights that were converted into a folder."""
    config = json.loads((folder / _FILE).read_bytes())
    return config["max_position_embeddings"], config["vocab_size"]

"""The folder of the runs of one command (``ab``, ``noise``, ``overlap``), on disk or on a store.

benchmark_results/20261123T201530Z-3fa9c1-ab/20261123T201530Z-a2df8a/
s3://bucket/prefix/run_id=20261123T201530Z-3fa9c1-ab/20261123T201530Z-a2df8a/
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from inference_bench.results.run_folder import LOCAL_OUTPUT
from inference_bench.results.storage import RUN, Folder, StoredPath


def new_group(output: Folder, command: str) -> Folder:
    """Return the folder of the runs of a command that begins now; nothing is made."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-{command}"
    return output / f"{RUN}{name}" if isinstance(output, StoredPath) else output / name


def on_disk(output: Folder) -> Path:
    """Return the folder on disk in which runs begin that go to a folder, or to a group of runs, on a store."""
    if isinstance(output, Path):
        return output
    return LOCAL_OUTPUT / output.name.removeprefix(RUN) if output.name.startswith(RUN) else LOCAL_OUTPUT


def stores(output: Folder) -> list[str]:
    """Return the addresses that runs are copied to which go to a folder: none for one on disk."""
    return [] if isinstance(output, Path) else [str(output)]

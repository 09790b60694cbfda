"""Print as JSON what a tracker's own package reads in a store: ``python trackers_read_back.py mlflow|wandb FOLDER``.

A process of its own: the packages may lie outside of this environment.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _FILE_HEADER, _HEADER = 32768, 7, struct.Struct("<IHB")


def mlflow_runs(folder: Path) -> list[dict[str, Any]]:
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("inference_bench")
    return [
        {
            "name": run.info.run_name,
            "failed": run.info.status == "FAILED",
            "parameters": run.data.params,
            "metrics": run.data.metrics,
            "tags": {name: text for name, text in run.data.tags.items() if not name.startswith("mlflow.")},
        }
        for run in client.search_runs([experiment.experiment_id])
    ]


def wandb_runs(folder: Path) -> list[dict[str, Any]]:
    return [_wandb_run(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def _wandb_run(path: Path) -> dict[str, Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, Any] = {"parameters": {}, "metrics": {}, "tags": {}}
    for data in _log_entries(path.read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found |= {"name": record.run.display_name, "group": record.run.run_group, "id": record.run.run_id}
            found["parameters"] |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        elif kind == "history":
            found["metrics"] |= {
                item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
            }
        elif kind == "summary":
            found["tags"] |= {item.key: json.loads(item.value_json) for item in record.summary.update}
        elif kind == "exit":
            found["failed"] = record.exit.exit_code != 0
    return found


def _log_entries(data: bytes) -> Iterator[bytes]:
    """Yield the entries of a LevelDB log: blocks of 32 KiB, in them parts of entries after a header of 7 bytes."""
    entry, at = b"", _FILE_HEADER
    while at + _HEADER.size <= len(data):
        if _BLOCK - at % _BLOCK < _HEADER.size:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        entry += data[at : at + length]
        at += length
        if kind in (1, 4):  # whole, or the last part
            yield entry
            entry = b""


if __name__ == "__main__":
    print(json.dumps({"mlflow": mlflow_runs, "wandb": wandb_runs}[sys.argv[1]](Path(sys.argv[2]))))

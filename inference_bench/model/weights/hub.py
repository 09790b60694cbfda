"""Ask the Hugging Face hub in a process of its own, or its cache on this machine where it cannot be reached."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from inference_bench.errors import WeightsError
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.weights.hub_download import PROBE_S, UNREACHABLE
from inference_bench.model.weights.references import HubWeights

_OFFLINE = "HF_HUB_OFFLINE"


def ask_hub(module: str, weights: HubWeights) -> dict[str, Any]:
    """Return the JSON object that a module of this package prints about a repository.

    Without a network the module is run again on the hub's own cache, which other tools fill as well.

    Args:
        module: name of the module in this folder; it takes repository and revision.
        weights: repository and revision.

    Raises:
        WeightsError: refused, or neither reachable nor in that cache; names the repository.
    """
    command = ("-m", f"{__package__}.{module}", weights.repo_id, weights.revision)
    why = f"{_OFFLINE} is set"
    if not is_offline():
        done = run_python(*command)
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
        if done.returncode not in (UNREACHABLE, -signal.SIGALRM):
            raise WeightsError(f"{weights.repo_id}: {last_line(done)}")
        why = f"no answer within {PROBE_S} s" if done.returncode == -signal.SIGALRM else last_line(done)
    if _hub_cache(weights.repo_id).is_dir():
        done = run_python(*command, environment={**os.environ, _OFFLINE: "1"})
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
    raise WeightsError(f"{weights.repo_id}: {why}, and not in the hub's cache")


def is_offline() -> bool:
    """Return whether the user has forbidden to ask the hub, as its own library reads it."""
    return os.environ.get(_OFFLINE, "").upper() in {"1", "ON", "YES", "TRUE"}


def _hub_cache(repo_id: str) -> Path:
    """Return the folder of a repository in the hub's own cache; source: huggingface_hub, environment variables."""
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expanduser(cache)) / f"models--{repo_id.replace('/', '--')}"

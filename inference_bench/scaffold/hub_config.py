"""Read the configuration of a model in a Hugging Face hub repository.

    python -m inference_bench.scaffold.hub_config REPOSITORY REVISION

Prints one JSON object: ``config``, ``commit`` and ``license`` (empty if the repository states none). Runs in
a separate process for the same reasons as ``hub_download``.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any, TypedDict

from inference_bench.extras import needed_by
from inference_bench.model.weights.hub_download import PROBE_S, reason


class HubConfig(TypedDict):
    """A model's configuration on the hub, its commit, and the licence on its card."""

    config: dict[str, Any]
    commit: str
    license: str


def read_config(repo_id: str, revision: str) -> HubConfig:
    """Resolve the revision to a commit within ``PROBE_S``, then read that commit's ``config.json``."""
    with needed_by("the hub"):
        from huggingface_hub import HfApi, hf_hub_download

    signal.alarm(PROBE_S)  # see hub_download
    info = HfApi().model_info(repo_id, revision=revision, timeout=PROBE_S)
    signal.alarm(0)
    path = hf_hub_download(repo_id, "config.json", revision=info.sha)
    card = info.card_data
    stated = card.get("license") if card else None
    return {"config": json.loads(Path(path).read_text()), "commit": str(info.sha), "license": stated or ""}


if __name__ == "__main__":
    try:
        print(json.dumps(read_config(sys.argv[1], sys.argv[2])))
    except Exception as error:
        sys.exit(reason(error))

"""Read what the Hugging Face hub says of a model, without its weights.

    python -m inference_bench.model.weights.hub_description REPOSITORY REVISION

Prints a ``HubDescription`` as JSON. Runs in a separate process for the same reasons as ``hub_download``.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TypedDict

from inference_bench.extras import needed_by
from inference_bench.model.weights.hub_download import PROBE_S, cached_snapshot, is_offline, report


class HubDescription(TypedDict):
    """What a repository is.

    Keys:
        folder: with its ``config.json`` and model card, in the hub's own cache.
        commit: that the revision means.
        parameters: of its weights; 0 if unknown.
        files: names of its files.
    """

    folder: str
    commit: str
    parameters: int
    files: list[str]


def describe(repo_id: str, revision: str) -> HubDescription:
    """Resolve the revision to a commit within ``PROBE_S``, then fetch that commit's description."""
    if is_offline():
        folder = cached_snapshot(repo_id, revision)
        names = sorted(path.name for path in folder.iterdir())
        return {"folder": str(folder), "commit": folder.name, "parameters": 0, "files": names}
    with needed_by("the hub"):
        from huggingface_hub import HfApi, hf_hub_download

    signal.alarm(PROBE_S)  # see hub_download
    info = HfApi().model_info(repo_id, revision=revision, timeout=PROBE_S)
    signal.alarm(0)
    names = [file.rfilename for file in info.siblings or ()]
    folder = Path()
    for name in {"README.md", "config.json"} & {*names}:
        folder = Path(hf_hub_download(repo_id, name, revision=info.sha)).parent
    stated = info.safetensors.total if info.safetensors else 0
    return {"folder": str(folder), "commit": str(info.sha), "parameters": stated, "files": names}


if __name__ == "__main__":
    report(describe)

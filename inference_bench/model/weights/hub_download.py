"""Download the safetensors of a Hugging Face hub repository into the hub's own cache.

    python -m inference_bench.model.weights.hub_download REPOSITORY REVISION

Prints one JSON object: ``folder``, ``commit`` and ``sha256`` by file name, as stated by the hub. Runs in a separate
process, so that the caller imports no HTTP client and a name server that does not answer can be interrupted.
"""

from __future__ import annotations

import json
import signal
import sys

from inference_bench.errors import MissingPackageError
from inference_bench.extras import needed_by

PROBE_S = 4
FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
)


def download(repo_id: str, revision: str) -> dict[str, object]:
    """Resolve the revision to a commit within ``PROBE_S``, then download that commit."""
    with needed_by("the hub"):
        from huggingface_hub import HfApi, snapshot_download

    # A DNS lookup blocks in C, where no Python timeout works: the default action of SIGALRM ends the process.
    signal.alarm(PROBE_S)
    info = HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=PROBE_S)
    signal.alarm(0)
    folder = snapshot_download(repo_id, revision=info.sha, allow_patterns=list(FILES), ignore_patterns=["*/*"])
    stated = {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs}
    return {"folder": folder, "commit": info.sha, "sha256": stated}


def reason(error: Exception) -> str:
    """Return the error as one line."""
    if isinstance(error, MissingPackageError):
        return str(error)
    from huggingface_hub import errors

    known = {
        errors.GatedRepoError: "gated: accept its terms on the hub and log in with `hf auth login`",
        errors.RepositoryNotFoundError: "no such repository, or no permission to read it",
        errors.RevisionNotFoundError: "no such revision",
    }
    for kind, text in known.items():
        if isinstance(error, kind):
            return text
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    try:
        print(json.dumps(download(sys.argv[1], sys.argv[2])))
    except Exception as error:
        sys.exit(reason(error))

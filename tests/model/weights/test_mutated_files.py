"""Damaged files of weights: each is refused in one line that names the file, or is sound; nothing else is raised."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.weights.cache import cache_dir, find
from inference_bench.model.weights.files import INDEX, check_folder, weights_files
from tests.stored_weights import put, safetensors_bytes, weights_folder

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    2**70,
    "",
    "x",
    "../x",
    "a/b",
    "a\0b",
    [],
    [[]],
    {},
    {"a": 1},
    float("inf"),
)
DEEP = b"[" * 100_000


def mutants(plain: Any, draw: random.Random) -> Iterator[Any]:
    """Yield the same value with each of its parts replaced, removed, or its key renamed."""
    yield from VALUES
    if isinstance(plain, dict):
        for key, value in plain.items():
            rest = {name: of for name, of in plain.items() if name != key}
            yield rest
            yield {**rest, draw.choice(("x", "")): value}
            yield from ({**plain, key: mutant} for mutant in mutants(value, draw))
    elif isinstance(plain, list):
        for place, value in enumerate(plain):
            yield [*plain[:place], *plain[place + 1 :]]
            yield from ([*plain[:place], mutant, *plain[place + 1 :]] for mutant in mutants(value, draw))


def garbled(content: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield the same bytes cut short, with bytes changed, added and removed."""
    for _ in range(200):
        place, count = draw.randrange(len(content)), draw.randrange(1, 9)
        noise = draw.randbytes(count)
        yield content[:place]
        yield content[:place] + noise + content[place + count :]
        yield content[:place] + noise + content[place:]
        yield content[:place] + content[place + count :]


def refused(path: Path, content: bytes, check: Any) -> bool:
    """Return whether this content is refused, in one line that names the file or its folder."""
    path.write_bytes(content)
    try:
        check()
    except WeightsError as error:
        message = str(error)
        assert "\n" not in message
        assert str(path.parent) in message or path.name in message
        return True
    return False


def test_headers(tmp_path: Path) -> None:
    folder, draw = weights_folder(tmp_path / "w"), random.Random(0)
    content = safetensors_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    changed = [json.dumps(of).encode() for of in mutants(header, draw)]
    tried = [len(of).to_bytes(8, "little") + of + bytes(16) for of in (*changed, DEEP)] + list(garbled(content, draw))
    found = [refused(folder / "model.safetensors", of, lambda: check_folder(folder)) for of in tried]
    assert len(found) > 800
    assert sum(found) > len(found) / 2


def test_indexes(tmp_path: Path) -> None:
    folder, draw = weights_folder(tmp_path / "w"), random.Random(0)
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = {"metadata": {"total_size": 16}, "weight_map": {"a": "part.safetensors", "b": "part.safetensors"}}
    changed = [json.dumps(of).encode() for of in mutants(index, draw)]
    tried = [*changed, DEEP, *garbled(json.dumps(index).encode(), draw)]
    found = [refused(folder / INDEX, of, lambda: check_folder(folder)) for of in tried]
    assert len(found) > 800
    (folder / INDEX).write_bytes(json.dumps(index).encode())
    assert weights_files(folder) == ["part.safetensors"]


def test_manifests_of_the_cache() -> None:
    path, draw = put() / "manifest.json", random.Random(0)
    manifest = path.read_bytes()
    changed = [json.dumps(of).encode() for of in mutants(json.loads(manifest), draw)]
    found = [refused(path, of, lambda: find("entry")) for of in (*changed, DEEP, *garbled(manifest, draw))]
    assert len(found) > 800
    assert sum(found) > len(found) / 3


def test_the_same_weights_twice_are_read_once(tmp_path: Path) -> None:
    """As transformers does: one file before parts, and neither a file of another name."""
    folder = weights_folder(tmp_path / "w")
    (folder / "consolidated.safetensors").write_bytes(safetensors_bytes(8))
    (folder / "model.fp16.safetensors").write_bytes(safetensors_bytes(8))
    assert weights_files(folder) == ["model.safetensors"]
    (folder / INDEX).write_text(json.dumps({"weight_map": {"w": "model-1.safetensors"}}))
    (folder / "model-1.safetensors").write_bytes(safetensors_bytes())
    assert weights_files(folder) == ["model.safetensors"]
    (folder / "model.safetensors").unlink()
    assert weights_files(folder) == ["model-1.safetensors"]
    check_folder(folder)


def test_files_that_transformers_would_not_load_are_no_weights(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "w")
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match=r"found adapter_model.safetensors, expected model.safetensors"):
        check_folder(folder)


def test_a_pointer_is_called_one(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "w")
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(WeightsError, match="a Git LFS pointer, not the weights"):
        check_folder(folder)


def test_without_a_home_folder_nothing_is_cached_and_only_storing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INFERENCE_BENCH_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # a user id without an entry in /etc/passwd
    assert find("entry") is None
    with pytest.raises(WeightsError, match="INFERENCE_BENCH_CACHE"):
        cache_dir()

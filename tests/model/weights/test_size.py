"""How much memory weights take is read from their own headers, not from what the model declares."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from inference_bench.model.weights.size import Content, content_of, loaded_bytes
from inference_bench.spec import DTYPES, Setup
from tests.stored_weights import Bare, put, weights_folder


class Declared(Bare):
    """Declares another size than its files have."""

    parameters = 1000


def tensors(**of: tuple[str, list[int], int]) -> bytes:
    """Return a file of tensors: name → dtype, shape, bytes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape, size) in of.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two parts: 6 + 8 numbers in three dtypes, and 10 bytes of packed integers and flags."""
    path = weights_folder(tmp_path / "own")
    (path / "model.safetensors").unlink()
    (path / "one.safetensors").write_bytes(tensors(a=("BF16", [2, 3], 12), flags=("BOOL", [2], 2)))
    (path / "two.safetensors").write_bytes(tensors(b=("F32", [4], 16), c=("F8_E4M3", [4], 4), packed=("I32", [2], 8)))
    names = {"a": "one.safetensors", "flags": "one.safetensors", "b": "two.safetensors"}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return path


@pytest.mark.parametrize(("dtype", "element"), list(zip(DTYPES, (4, 2, 2, 4), strict=True)))
def test_a_folder_is_loaded_at_its_own_size(folder: Path, dtype: str, element: int) -> None:
    assert loaded_bytes(Declared, Setup(weights=str(folder), dtype=dtype)) == 14 * element + 10


def test_a_gguf_file_is_loaded_dequantised(tiny_gguf: Path) -> None:
    import gguf

    values = sum(int(tensor.n_elements) for tensor in gguf.GGUFReader(tiny_gguf).tensors)
    assert content_of(tiny_gguf) == Content(values)
    assert loaded_bytes(Declared, Setup(weights=str(tiny_gguf), dtype="bfloat16")) == 2 * values


def test_a_repository_in_the_cache_is_loaded_at_its_own_size() -> None:
    put("owner--tiny@main", "owner/tiny@main")
    assert loaded_bytes(Declared, Setup(weights="owner/tiny@main")) == 4 * 4
    assert loaded_bytes(Declared, Setup(weights="owner/tiny@other")) == 4 * 1000


@pytest.mark.parametrize("weights", ["auto", "any", "cache", "hub", "package", "random"])
def test_a_source_is_taken_at_the_declared_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    weights_folder(tmp_path / weights)  # a folder of that name is not meant
    monkeypatch.chdir(tmp_path)
    assert loaded_bytes(Declared, Setup(weights=weights)) == 4 * 1000


@pytest.mark.parametrize("content", [b"", b"GGUF", b"\xff" * 64, struct.pack("<4sIQQ", b"GGUF", 3, 1, 1)])
def test_damaged_files_are_taken_at_the_declared_size(tmp_path: Path, content: bytes) -> None:
    """What is wrong with them is said when they are resolved."""
    path = weights_folder(tmp_path / "broken")
    (path / "model.safetensors").write_bytes(content)
    (tmp_path / "broken.gguf").write_bytes(content)
    for given in (path, tmp_path / "broken.gguf", tmp_path / "none"):
        assert loaded_bytes(Declared, Setup(weights=str(given))) == 4 * 1000

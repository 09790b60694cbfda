from __future__ import annotations

import struct
from pathlib import Path

import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.weights.files import check_safetensors, combined_digest
from tests.stored_weights import safetensors_bytes


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 9) + b'{"w": {}}',
        safetensors_bytes()[:-1],
        safetensors_bytes() + b"\0",
        b"PK\x03\x04 a pickle in a zip, renamed",
    ],
)
def test_what_is_not_whole_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"found {len(content)} bytes"):
        check_safetensors(file)


def test_the_header_check_agrees_with_the_library(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {"a": np.zeros((3, 5), np.float32), "b": np.zeros((0,), np.int64), "c": np.ones(7, np.int8)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    check_safetensors(tmp_path / "model.safetensors")


def test_several_files_have_one_digest_whatever_their_order() -> None:
    assert combined_digest({"a": "1", "b": "2"}) == combined_digest({"b": "2", "a": "1"})
    assert combined_digest({"a": "1"}) == "1"

"""A GGUF file with a damaged header is one line, whichever engine is asked to run it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from inference_bench.errors import InferenceBenchError
from inference_bench.extras import missing_modules
from inference_bench.model.engine.engine import engine_names, load_engine

DAMAGES = {
    "cut off": lambda whole: whole[:200],
    "another version": lambda whole: whole[:4] + struct.pack("<I", 9) + whole[8:],
    "too many entries": lambda whole: whole[:16] + struct.pack("<Q", 1 << 60) + whole[24:],
}


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_is_refused_before_anything_is_loaded(tiny_gguf: Path, tmp_path: Path, engine: str, damage: str) -> None:
    from inference_bench.model.discovery import load_model, resolve_models
    from inference_bench.model.engine.engine import in_engine

    if missing := missing_modules(load_engine(engine).requires):
        pytest.skip(f"{engine} needs {', '.join(missing)}")
    path = tmp_path / "damaged.gguf"
    path.write_bytes(DAMAGES[damage](tiny_gguf.read_bytes()))
    with pytest.raises(InferenceBenchError) as caught:
        in_engine(load_model(resolve_models([str(path)], {})[str(path)]), engine)
    assert "its header cannot be read" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)

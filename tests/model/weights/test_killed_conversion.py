"""A conversion that is killed at any instant leaves nothing that would be used, and the next run converts."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference_bench.model.weights.cache import MANIFEST, cache_dir, find
from tests.place_folders import trained
from tests.stored_weights import leftovers

pytest.importorskip("torch")
pytest.importorskip("gguf")

KILLS = 6
CONVERT = """
import sys
from pathlib import Path
from inference_bench.model.weights.conversion import Conversion
from inference_bench.model.weights.converted import converted
from inference_bench.model.weights.references import ResolvedWeights
module = "inference_bench.model.engines.llama_cpp.conversion"
conversion = Conversion("gguf-float32", "llama_cpp", "1", module, ("float32",))
weights = ResolvedWeights("local", "tiny", True, Path(sys.argv[1]), digest="ab" * 32)
print(converted(weights, conversion, lambda text: None).converted.digest)
"""


def _scratch_folders() -> set[Path]:
    return set(cache_dir().glob(".gguf-*")) if cache_dir().is_dir() else set()


def _start(folder: Path) -> subprocess.Popen[str]:
    """Start the conversion and return once its own scratch folder is there."""
    left = _scratch_folders()
    process = subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not _scratch_folders() - left:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    return process


def test_a_conversion_that_is_killed_at_random_instants(tmp_path: Path) -> None:
    """Each run begins with what the killed one before it left."""
    folder, draw = trained(tmp_path / "weights"), random.Random(0)
    process, begun = _start(folder), time.monotonic()
    digest, errors = process.communicate()
    lasts_s = time.monotonic() - begun
    assert process.returncode == 0, errors
    (key,) = leftovers()
    whole = _content(cache_dir() / key)

    for number in range(KILLS):
        if (entry := cache_dir() / key).exists():
            entry.rename(tmp_path / f"moved {number}")
        process = _start(folder)
        time.sleep(draw.uniform(0, lasts_s))
        process.kill()
        process.communicate()
        found = find(key, lambda _: None)
        assert found is None or _content(found.path) == whole
        assert entry.exists() == (found is not None)

    last = subprocess.run([sys.executable, "-c", CONVERT, str(folder)], capture_output=True, text=True, check=False)
    assert last.stdout == digest, last.stderr
    assert leftovers() == [key]
    assert _content(cache_dir() / key) == whole


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}

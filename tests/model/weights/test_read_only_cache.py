"""Engines that share a cache folder which cannot be written: what is in it is used, all else is one clear line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference_bench.model.weights.cache import cache_dir

CONVERT = """
import sys
from pathlib import Path
from inference_bench.errors import WeightsError
from inference_bench.model.weights.conversion import Conversion
from inference_bench.model.weights.converted import converted
from inference_bench.model.weights.references import ResolvedWeights
weights = ResolvedWeights("local", "tiny", True, Path(sys.argv[1]), digest="ab" * 32)
for engine in sys.argv[2:]:
    try:
        found = converted(weights, Conversion(engine, engine, "1", "copying"), lambda text: None).converted
        print(engine, "has", (found.path / "model.bin").read_text())
    except WeightsError as error:
        print(engine, "error:", error)
"""
ENGINES = ("llama_cpp", "openvino_genai")


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Convert for these engines in a process, and return its lines."""
    (modules := tmp_path / "modules").mkdir()
    (modules / "copying.py").write_text(
        "import sys\nfrom pathlib import Path\n(Path(sys.argv[2]) / 'model.bin').write_text('weights')\n"
    )
    (weights := tmp_path / "weights").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")]))

    def convert_(*engines: str, before: tuple[str, ...] = ()) -> list[str]:
        command = [*before, sys.executable, "-c", CONVERT, str(weights), *engines]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    return convert_


@pytest.fixture
def bound():
    """The words before a command that is bound by permissions, which root is not."""
    if os.geteuid() != 0:
        return ()
    words = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
    if shutil.which("setpriv") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("root is not bound by permissions, and setpriv cannot bind it here")
    return words


def _read_only(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.fixture(autouse=True)
def _writable_again():
    yield
    if cache_dir().exists():
        for path in (cache_dir(), *cache_dir().rglob("*")):
            path.chmod(0o755)


def test_each_engine_gets_one_line_that_says_what_to_do(convert, bound):
    cache_dir().mkdir()
    _read_only(cache_dir())
    lines = convert(*ENGINES, before=bound)
    assert len(lines) == len(ENGINES)
    for engine, line in zip(ENGINES, lines, strict=True):
        assert line.startswith(f"{engine} error: weights cache {cache_dir()}: Permission denied. ")
        assert line.endswith("point INFERENCE_BENCH_CACHE to another folder.")
    assert list(cache_dir().iterdir()) == []


def test_what_another_process_converted_before_is_used(convert, bound):
    assert convert(ENGINES[0]) == ["llama_cpp has weights"]
    _read_only(cache_dir())
    found, refused = convert(*ENGINES, before=bound)
    assert found == "llama_cpp has weights"
    assert refused.startswith(f"openvino_genai error: weights cache {cache_dir()}: Permission denied.")

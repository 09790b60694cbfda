"""The interpreter ends while daemon threads are inside native calls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BINDINGS = Path(__file__).parents[2] / "csrc" / "bindings"
CHILD = """
import threading, time
import inference_bench._native as _native
recorder = _native.SpanRecorder(4096)
recorder.start()
for number in range(2000):
    _native.mark("before the end")
records = recorder.drain()
sampler = _native.MemorySampler(interval_ns=1_000_000)
sampler.start()
ticks = _native.TickRecorder(1000)
for number in range(1000):
    ticks.tick()
def forever():
    while True:
        {call}
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.1)
"""
CALLS = [
    "recorder.snapshot()",
    "recorder.drain()",
    "recorder.counts()",
    "records.records()",
    "records.spans()",
    "_native.SpanRecorder(64)",
    "sampler.columns()",
    "sampler.phases()",
    "sampler.stats()",
    "sampler.running",
    "_native.smaps_rollup()",
    "_native.clock_describe()",
    "_native.clock_recalibrate()",
    "_native.convert_ticks(ticks)",
    "ticks.nanoseconds()",
    "_native.nvml_available()",
    "_native.cuda_available()",
    "_native.Pacer.constant(1e6, 1000)",
    "list(_native.Pacer.constant(1e5, 100))",
    "_native.loop(len, 100, args=((),))",
    "_native.loop(time.sleep, 100, args=(1e-5,))",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_daemon_thread_in_a_native_call_does_not_abort_the_exit(call: str):
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", CHILD.format(call=call)], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")


def uses(pattern: str, *but_in: str) -> list[str]:
    """The lines of the bindings with ``pattern`` outside of comments and the files ``but_in``."""
    return [
        f"{path.name}: {line.strip()}"
        for path in sorted(BINDINGS.glob("*.?pp"))
        if path.name not in but_in
        for line in path.read_text().splitlines()
        if re.search(pattern, line.split("//")[0])
    ]


def test_the_gil_is_given_up_by_one_class():
    pattern = r"gil_scoped|_THREADS\b|PyEval_(Save|Restore|Acquire|Release)Thread|PyGILState_"
    assert uses(pattern, "without_gil.hpp") == []


def test_classes_are_made_by_one_class():
    assert uses(r"\bclass_<|py::init\b|dynamic_attr|custom_type_setup", "native_class.hpp") == []

"""The CUDA event timer on a real device, against torch.cuda.Event; test_cuda_*.py has it against a double."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from inference_bench import _native

pytestmark = pytest.mark.gpu

US, MS = 1_000, 1_000_000
OK, BELOW, FAILED = 0, 1, 2


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torch with a CUDA device under it; asked in the test, for importing a test must not initialise CUDA."""
    monkeypatch.delenv("INFERENCE_BENCH_LIBCUDA", raising=False)
    available, reason = _native.cuda_available()
    if not available:
        pytest.skip(reason)
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} sees no CUDA device")
    torch.cuda.synchronize()
    return torch


@pytest.fixture
def work(torch: Any) -> Callable[[int], None]:
    """Enqueue matrix products on the current stream; one takes 0.1 ms or more."""
    a = torch.rand(2048, 2048, device="cuda")
    out = torch.empty_like(a)

    def enqueue(times: int) -> None:
        for _ in range(times):
            torch.mm(a, a, out=out)

    enqueue(3)
    torch.cuda.synchronize()
    return enqueue


def handle(torch: Any) -> int:
    return torch.cuda.current_stream().cuda_stream


def in_new_process(code: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "INFERENCE_BENCH_LIBCUDA"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300).stdout


def test_attaches_to_the_context_that_torch_uses(torch: Any):
    about = _native.CudaEventTimer(2).describe()
    assert about["retained_primary_context"] is False
    assert about["device"] == torch.cuda.current_device()
    assert about["device_name"] == torch.cuda.get_device_name()


@pytest.mark.parametrize("own_stream", [False, True])
@pytest.mark.parametrize("reader", [False, True])
def test_agrees_with_torch_events(torch: Any, work: Callable[[int], None], own_stream: bool, reader: bool):
    timer = _native.CudaEventTimer(64, reader=reader)
    stream = torch.cuda.Stream() if own_stream else torch.cuda.default_stream()
    pairs = []
    with torch.cuda.stream(stream):
        for times in [1, 2, 5, 10] * 5:
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            timer.begin(stream.cuda_stream)
            begin.record()
            work(times)
            end.record()
            timer.end()
            pairs.append((begin, end))
    got = timer.collect()
    theirs = [begin.elapsed_time(end) * MS for begin, end in pairs]
    ours = got["gpu_ns"].tolist()
    assert set(got["status"]) == {OK}
    # Ours lie outside of theirs, by the time that the device needs for two events.
    differences = [our - their for our, their in zip(ours, theirs, strict=True)]
    assert min(differences) >= -2 * US
    assert median(differences) <= 50 * US


def test_floor_and_too_short_intervals(torch: Any):
    timer = _native.CudaEventTimer(64)
    floor = timer.floor()
    assert 0 <= floor["gpu_min_ns"] <= floor["gpu_median_ns"] <= floor["gpu_max_ns"]
    assert floor["gpu_min_ns"] < 20 * US
    for _ in range(20):
        timer.begin(handle(torch))
        timer.end()
    assert BELOW in set(timer.collect()["status"])


def test_host_time_device_time_and_the_gap(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(4)
    timer.begin(handle(torch))
    work(20)
    timer.end()
    timer.begin(handle(torch))
    work(20)
    torch.cuda.synchronize()
    timer.end()
    got = timer.collect()
    for host, gpu, gap in zip(got["host_ns"], got["gpu_ns"], got["gap_ns"], strict=True):
        assert gap == host - gpu
    assert got["gap_ns"][0] < got["gap_ns"][1]  # only the second host waited


def test_device_times_lie_where_the_host_saw_them(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(64)
    edges = []
    for _ in range(20):
        before = _native.now_ns()
        timer.begin(handle(torch))
        work(5)
        timer.end()
        torch.cuda.synchronize()
        edges.append((before, _native.now_ns()))
    got = timer.collect()
    slack = timer.describe()["anchor_width_ns"] + 5 * US
    for (before, after), begin, length in zip(edges, got["gpu_begin_ns"], got["gpu_ns"], strict=True):
        assert before - slack <= begin
        assert begin + length <= after + slack


@pytest.mark.slow
def test_the_reference_moves_along(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(64)
    edges = []
    for _ in range(7):
        before = _native.now_ns()
        timer.begin(handle(torch))
        work(1)
        timer.end()
        torch.cuda.synchronize()
        edges.append((before, _native.now_ns()))
        time.sleep(1)
    got = timer.collect()
    about = timer.describe()
    assert about["rebases"] >= 2
    assert about["longest_step_ns"] < 489
    assert abs(about["gpu_clock_ppm"]) < 1000
    slack = about["anchor_width_ns"] + 5 * US
    for (before, after), begin in zip(edges, got["gpu_begin_ns"], strict=True):
        assert before - slack <= begin <= after + slack


def test_an_exhausted_pool_is_doubled_by_collect(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(2)
    for _ in range(5):
        timer.begin(handle(torch))
        work(1)
        timer.end()
    assert timer.collect()["id"].tolist() == [0, 1]
    about = timer.describe()
    assert (about["exhausted"], about["grown"], about["capacity"]) == (3, 1, 4)


def test_streams_become_ready_out_of_order(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(8)
    slow, fast = torch.cuda.Stream(), torch.cuda.Stream()
    with torch.cuda.stream(slow):
        behind = timer.begin(slow.cuda_stream)
        work(500)
        timer.end(behind)
    ahead = timer.begin(fast.cuda_stream)
    timer.end(ahead)
    fast.synchronize()
    early = timer.collect(wait=False)["id"].tolist()
    late = timer.collect()["id"].tolist()
    assert sorted(early + late) == [behind, ahead]
    if early:  # a device may run the two streams one after the other
        assert early[0] == ahead


@pytest.mark.parametrize("reader", [False, True])
def test_another_threads_graph_capture_survives(torch: Any, work: Callable[[int], None], reader: bool):
    timer = _native.CudaEventTimer(256, reader=reader)
    stop = threading.Event()
    stream = torch.cuda.Stream()
    ids: list[int] = []

    def measure() -> None:
        while not stop.is_set():
            # Not the default stream, which may not be touched while another is captured.
            timer.begin(stream.cuda_stream)
            timer.end()
            ids.extend(timer.collect()["id"])

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        for _ in range(10):
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                work(3)
            graph.replay()
        torch.cuda.synchronize()
    finally:
        stop.set()
        thread.join()
    assert ids


def test_an_interval_on_a_stream_under_capture_fails(torch: Any, work: Callable[[int], None]):
    timer = _native.CudaEventTimer(2)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        timer.begin(handle(torch))
        work(1)
        timer.end()
    graph.replay()
    torch.cuda.synchronize()
    got = timer.collect()
    assert got["status"].tolist() == [FAILED]
    assert got["error"].tolist() == [900]


def test_a_sticky_error_marks_the_intervals_after_it(torch: Any):
    code = """
import torch
from inference_bench import _native
stream = torch.cuda.current_stream().cuda_stream
x = torch.zeros(4, device="cuda")
far = torch.full((1,), 1 << 20, device="cuda")
timer = _native.CudaEventTimer(8)
timer.begin(stream); x.add_(1); timer.end()
print(timer.collect()["status"].tolist()[0] != 2)
timer.begin(stream); x[far]; timer.end()
timer.begin(stream); timer.end()
got = timer.collect()
print(set(got["status"]) == {2}, 0 not in got["error"], timer.describe()["anchor_error"] is not None)
"""
    assert in_new_process(code).split() == ["True"] * 4


@pytest.mark.parametrize("reader", [False, True])
def test_a_forked_child_is_refused(torch: Any, reader: bool):
    code = f"""
import os, torch
from inference_bench import _native
torch.cuda.init()
timer = _native.CudaEventTimer(4, reader={reader})
pid = os.fork()
if pid == 0:
    refused = 0
    for call in (lambda: timer.begin(0), timer.collect, _native.CudaEventTimer):
        try:
            call()
        except RuntimeError as error:
            refused += "spawn" in str(error)
    os._exit(refused)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert in_new_process(code).split() == ["3"]


def test_exit_with_a_reader_at_work(torch: Any):
    code = """
import torch
from inference_bench import _native
x = torch.rand(2048, 2048, device="cuda")
timer = _native.CudaEventTimer(64, reader=True)
timer.begin(torch.cuda.current_stream().cuda_stream)
for _ in range(50): x @ x
timer.end()
print("end")
"""
    assert in_new_process(code) == "end\n"


def test_nvml_reads_the_gpu_that_cuda_has(torch: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("INFERENCE_BENCH_LIBNVML", raising=False)
    available, reason = _native.nvml_available()
    if not available:
        pytest.skip(reason)
    block = torch.ones(1 << 28, dtype=torch.uint8, device="cuda")
    torch.cuda.synchronize()
    bus_id = _native.CudaEventTimer(1).describe()["pci_bus_id"]
    used = _native.NvmlProbe(bus_id).read()["memory_used_bytes"]
    assert used is None or used >= block.numel()
    with _native.NvmlSampler(bus_id, interval_ns=50 * MS) as sampler:
        while sampler.stats()["samples"] < 3:
            time.sleep(0.01)
    assert all(column.format == "q" for column in sampler.columns().values())

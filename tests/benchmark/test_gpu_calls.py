"""A timed call ends when the GPU has finished.

The double stands where ``torch.cuda`` does: it has its names, and a queue of work that only ``synchronize`` waits for.
"""

from __future__ import annotations

import asyncio
import sys
import time
from types import ModuleType

import pytest

from inference_bench.benchmark.function import benchmark, benchmark_class
from inference_bench.benchmark.gpu_calls import GPU_NOTE
from inference_bench.benchmark.measurement import Measurement
from inference_bench.plan import Case
from inference_bench.result import Stage
from inference_bench.spec import Limits, Setup
from inference_bench.timing.timer import Timer

WORK_NS = 3_000_000
LIMITS = Limits(min_samples=4, max_samples=4, warmup_iterations=1, relative_width=1e-9)


class DoubleOfCuda(ModuleType):
    """Double of ``torch.cuda``: work takes its time in ``synchronize``, as the host sees it."""

    def __init__(self, initialized: bool = True) -> None:
        super().__init__("torch.cuda")
        self.initialized = initialized
        self.queued = 0
        self.most_queued = 0
        self.waits = 0

    def launch(self) -> None:
        self.initialized = True
        self.queued += 1
        self.most_queued = max(self.most_queued, self.queued)

    def is_initialized(self) -> bool:
        return self.initialized

    def synchronize(self) -> None:
        assert self.initialized, "would create a context"
        self.waits += 1
        time.sleep(self.queued * WORK_NS / 1e9)
        self.queued = 0


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> DoubleOfCuda:
    torch = ModuleType("torch")
    torch.cuda = DoubleOfCuda()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch.cuda  # type: ignore[no-any-return, attr-defined]


def measured(function: object) -> Measurement:
    measurement = Measurement(LIMITS)
    benchmark_class(benchmark(function))().measure(None, Case("null", "work", Setup()), measurement)  # type: ignore[arg-type]
    return measurement


@pytest.mark.parametrize("initialized", [True, False], ids=["before", "by the first call"])
@pytest.mark.parametrize("is_coroutine", [False, True])
def test_each_call_waits_for_its_own_work(cuda: DoubleOfCuda, is_coroutine: bool, initialized: bool) -> None:
    cuda.initialized = initialized

    def launches() -> None:
        cuda.launch()

    async def launches_and_yields() -> None:
        cuda.launch()
        await asyncio.sleep(0)

    measurement = measured(launches_and_yields if is_coroutine else launches)
    columns = measurement.columns()

    assert min(columns["value"]) >= WORK_NS
    assert columns["stage"][0] is Stage.COLD
    assert cuda.most_queued == 1
    assert cuda.queued == 0
    assert measurement.notes == [GPU_NOTE]


def test_a_timer_waits_too(cuda: DoubleOfCuda) -> None:
    def launches(number: int) -> int:
        cuda.launch()
        return number

    timing = Timer(budget_s=0.01, min_calls=4)(launches, 7)
    assert timing.returned == 7
    assert min(timing.samples_ns) >= WORK_NS
    assert timing.notes == (GPU_NOTE,)


def test_work_that_was_queued_before_is_not_part_of_a_measured_call(cuda: DoubleOfCuda) -> None:
    cuda.initialized = False
    calls: list[int] = []

    def launches_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            cuda.launch()

    values = measured(launches_once).columns()["value"]
    assert values[0] >= WORK_NS
    assert cuda.queued == 0


def test_without_cuda_nothing_is_asked_of_it(cuda: DoubleOfCuda) -> None:
    cuda.initialized = False
    measurement = measured(lambda: None)
    assert (cuda.waits, measurement.notes) == (0, [])


def test_torch_is_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    measured(lambda: None)
    assert "torch" not in sys.modules

"""Kernels of known class: each step is limited by one thing only, which is known because nothing else is in it.

``KERNEL`` names the kernel and ``KERNEL_SIZE`` its size: ``KERNEL=reads KERNEL_SIZE=128`` reads 128 MiB per step. A
prompt's pass and each token's are the same step, so that both phases are of one class.
"""

from __future__ import annotations

import math
import mmap
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference_bench import LoadSteps, Model, ResolvedWeights, Setup, TextGenerator
from inference_bench.demands import Demands

_MIB = 1 << 20
_COLUMNS = 4096
_FLOAT_BYTES = 4


class Kernel(Model):
    title = "Kernel"
    description = "a step that one thing limits, named by the variables KERNEL and KERNEL_SIZE"
    license = "Apache-2.0"
    max_input_length = 1 << 20
    needs_weights = False
    devices = ("cpu",)
    dtypes = ("float32",)
    abilities = ("generate",)

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        with steps.step("import"):
            import torch
        torch.set_num_threads(setup.threads)
        torch.manual_seed(setup.seed)
        with steps.step("weights"):
            self._work: Work | None = WORKS[os.environ["KERNEL"]](int(os.environ["KERNEL_SIZE"]))

    def unload(self) -> None:
        if self._work is not None:
            self._work.close()
        self._work = None

    def generator(self) -> TextGenerator:
        assert self._work is not None
        return KernelGenerator(self._work)


class KernelGenerator(TextGenerator):
    """Does the same step for a prompt and for each token."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def demands(self) -> Demands | None:
        return self._work.demands()

    def prompt(self, length: int) -> Sequence[int]:
        return (0,) * length

    def prefill(self, prompt: Sequence[int]) -> int:
        self._work.step()
        return 0

    def decode(self) -> int:
        self._work.step()
        return 0

    def generate(self, prompt: Sequence[int], new_tokens: int) -> Sequence[int]:
        for _ in range(new_tokens):
            self._work.step()
        return [0] * new_tokens


class Work(ABC):
    """One kernel of one size."""

    @abstractmethod
    def step(self) -> None:
        """Do the work once."""

    def demands(self) -> Demands | None:
        """Return what a step asks for; None if that is neither bytes nor arithmetic."""
        return None

    def close(self) -> None:
        """Release what the work holds besides memory."""
        return


class Reads(Work):
    """Multiplies a matrix of ``size`` MiB by a vector: two operations per four bytes, far below what a CPU can do."""

    def __init__(self, size: int) -> None:
        import torch

        rows = size * _MIB // _FLOAT_BYTES // _COLUMNS
        self._matrix, self._vector, self._product = torch.ones(rows, _COLUMNS), torch.ones(_COLUMNS), torch.empty(rows)
        self._multiply = torch.mv

    def step(self) -> None:
        self._multiply(self._matrix, self._vector, out=self._product)

    def demands(self) -> Demands:
        numbers = self._matrix.numel()
        return Demands(numbers * _FLOAT_BYTES, 0, numbers, 0, 0, operations_per_step=1)


class Multiplies(Work):
    """Multiplies two square matrices of ``size`` rows: hundreds of operations per byte."""

    def __init__(self, size: int) -> None:
        import torch

        self._size = size
        self._left, self._right, self._product = torch.ones(size, size), torch.ones(size, size), torch.empty(size, size)
        self._multiply = torch.mm

    def step(self) -> None:
        self._multiply(self._left, self._right, out=self._product)

    def demands(self) -> Demands:
        return Demands(2 * self._size**2 * _FLOAT_BYTES, 0, self._size**3, 0, 0, operations_per_step=1)


class TinyOperations(Work):
    """Adds one number to one number, ``size`` times: all of it is what the framework does around an operation."""

    def __init__(self, size: int) -> None:
        import torch

        self._size = size
        self._left, self._right, self._sum = torch.zeros(1), torch.ones(1), torch.empty(1)
        self._add = torch.add

    def step(self) -> None:
        for _ in range(self._size):
            self._add(self._left, self._right, out=self._sum)

    def demands(self) -> Demands:
        return Demands(2 * _FLOAT_BYTES, 0, 1, 0, 0, operations_per_step=self._size)


class Sleeps(Work):
    """Sleeps for ``size`` milliseconds."""

    def __init__(self, size: int) -> None:
        self._seconds = size / 1000

    def step(self) -> None:
        time.sleep(self._seconds)


class Oversubscribes(Work):
    """Computes sines in ``size`` times as many threads as the process may use CPUs."""

    _TURNS = 64

    def __init__(self, size: int) -> None:
        import torch

        self._threads = size * len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads)
        self._numbers = [torch.ones(1 << 16) for _ in range(self._threads)]

    def step(self) -> None:
        list(self._pool.map(self._compute, range(self._threads)))

    def _compute(self, number: int) -> None:
        for _ in range(self._TURNS):
            self._numbers[number].sin_()

    def close(self) -> None:
        self._pool.shutdown()


class Throttled(Work):
    """Multiplies in a control group that may use ``size`` per cent of one CPU; ``KERNEL_CGROUP`` is its folder."""

    _PERIOD_US = 100_000
    _ROWS = 512

    def __init__(self, size: int) -> None:
        self._work = Multiplies(self._ROWS)
        group = Path(os.environ["KERNEL_CGROUP"])
        quota_us = size * self._PERIOD_US // 100
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text(f"{quota_us} {self._PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(f"{self._PERIOD_US}")
            (group / "cpu.cfs_quota_us").write_text(f"{quota_us}")
        (group / "cgroup.procs").write_text(f"{os.getpid()}")

    def step(self) -> None:
        self._work.step()

    def demands(self) -> Demands:
        return self._work.demands()


class Churns(Work):
    """Maps ``size`` MiB, writes one byte of each page, and unmaps: all of it is page faults."""

    def __init__(self, size: int) -> None:
        self._bytes = size * _MIB
        self._page = b"\1" * math.ceil(self._bytes / mmap.PAGESIZE)

    def step(self) -> None:
        with mmap.mmap(-1, self._bytes) as area:
            area.madvise(mmap.MADV_NOHUGEPAGE)
            area[:: mmap.PAGESIZE] = self._page


WORKS: dict[str, Callable[[int], Work]] = {
    "reads": Reads,
    "multiplies": Multiplies,
    "tiny_operations": TinyOperations,
    "sleeps": Sleeps,
    "oversubscribes": Oversubscribes,
    "throttled": Throttled,
    "churns": Churns,
}

"""Who sees a short peak of memory, and what does watching cost?

One C call that holds the GIL touches a block, keeps it for a while and gives it back. Looking on: the native sampler at
1 kHz, a thread that asks psutil every millisecond, and the kernel's high-water mark, reset before each call. Then the
price: CPU of each sampler's thread, as the kernel counts it, and of a window between two readings of the mark.

Run as ``python -m bench.memory_peaks``; needs a C compiler (``cc``) and psutil.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]

from inference_bench import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_bench._native_types import MemoryPhase

MB = 1_000_000
MS = 1_000_000
SEEN = 0.99
PEAKS = (("500 MB held 5 ms", 500 * MB, 5 * MS), ("50 MB held 1 ms", 50 * MB, 1 * MS))


def main() -> int:
    """Print what was seen and what it cost."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trials", type=int, default=100, help="calls of each kind (default: 100)")
    arguments.add_argument("--idle-seconds", type=float, default=5.0, help="for the samplers' CPU (default: 5)")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hold = _build(Path(folder))
        figures: dict[str, Any] = {name: _watch(hold, size, ns, given.trials) for name, size, ns in PEAKS}
    figures["sampler CPU, share of a core"] = {
        "native, 1 kHz": _thread_cpu(lambda: _native.MemorySampler(interval_ns=MS, budget=1.0), given.idle_seconds),
        "native, default": _thread_cpu(_native.MemorySampler, given.idle_seconds),
        "psutil, 1 ms": _thread_cpu(PsutilSampler, given.idle_seconds),
    }
    figures["window cost, ns"] = {
        "reset_hwm, hwm_bytes": _cost_ns(lambda: (_native.reset_hwm(), _native.hwm_bytes())),
        "reset_hwm, max_rss_bytes": _cost_ns(lambda: (_native.reset_hwm(), _native.max_rss_bytes())),
    }
    print(_text(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _build(folder: Path) -> Callable[[int, int], int]:
    """Compile the helper; PyDLL, unlike CDLL, keeps the GIL through the call."""
    library = folder / "hold_memory.so"
    source = Path(__file__).with_name("hold_memory.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    hold: Any = ctypes.PyDLL(str(library)).hold_memory
    hold.argtypes = [ctypes.c_size_t, ctypes.c_int64]
    return hold  # type: ignore[no-any-return]


class PsutilSampler:
    """What people write: a thread, psutil, and a sleep of a millisecond."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._process = psutil.Process()
        self._stop = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop:
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
            time.sleep(0.001)

    def __enter__(self) -> PsutilSampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()


def _watch(hold: Callable[[int, int], int], size: int, hold_ns: int, trials: int) -> dict[str, dict[str, float]]:
    """Return, for each looker-on, what share of the peak it saw: in how many trials nearly all, the median, the least.

    What stands before the call is the same for all; the peak is that and the size of the block.
    """
    shares: dict[str, list[float]] = {"native 1 kHz": [], "psutil 1 ms": [], "VmHWM": [], "getrusage": []}
    with PsutilSampler() as slow, _native.MemorySampler(interval_ns=MS, budget=1.0) as sampler:
        for _ in range(trials):
            time.sleep(0.005)
            before = _native.rss_bytes() or 0
            slow.peak_bytes = 0
            _native.reset_hwm()
            sampler.mark_phase("call")
            if hold(size, hold_ns) != 0:
                raise MemoryError(f"no {size} bytes to be had")
            hwm, rusage, polled = _native.hwm_bytes() or 0, _native.max_rss_bytes() or 0, slow.peak_bytes
            sampler.mark_phase("between")
            phase = sampler.phases()[-2]
            for name, peak in (
                ("native 1 kHz", _sampled_peak(sampler, phase)),
                ("psutil 1 ms", polled),
                ("VmHWM", hwm),
                ("getrusage", rusage),
            ):
                shares[name].append(max(0.0, (peak - before) / size))
    return {
        name: {
            "seen": sum(share >= SEEN for share in each),
            "trials": trials,
            "median share": median(each),
            "least share": min(each),
            "greatest share": max(each),
        }
        for name, each in shares.items()
    }


def _sampled_peak(sampler: _native.MemorySampler, phase: MemoryPhase) -> int:
    """Return the most that the samples themselves saw, without the phase's own edges."""
    columns = sampler.columns()
    times, rss = columns["time_ns"], columns["rss_bytes"]
    first = len(times)
    while first > 0 and times[first - 1] >= phase["begin_ns"]:
        first -= 1
    return max(rss[first:], default=0)


def _thread_cpu(make: Callable[[], Any], seconds: float) -> float:
    """Return the CPU time of the threads that the sampler started over the time that passed, from schedstat."""
    before = _thread_ns()
    with make():
        begin, started = time.monotonic_ns(), _thread_ns()
        time.sleep(seconds)
        took, ended = time.monotonic_ns() - begin, _thread_ns()
        new = started.keys() - before.keys()
        return sum(ended[thread] - started[thread] for thread in new) / took


def _thread_ns() -> dict[str, int]:
    tasks = Path("/proc/self/task").iterdir()
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in tasks}


def _cost_ns(window: Callable[[], object], windows: int = 2_000, rounds: int = 15) -> dict[str, float]:
    """Return what an empty window costs a Python caller, loop and lambda included: the best and the median round."""
    costs = []
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        for _ in range(windows):
            window()
        costs.append((time.perf_counter_ns() - begin) / windows)
    return {"least": min(costs), "median": median(costs)}


def _text(figures: dict[str, Any]) -> str:
    return "\n".join(_lines(figures))


def _lines(figures: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in figures.items():
        if not isinstance(value, dict):
            yield f"{indent}{name}: {value:.4g}"
        elif any(isinstance(each, dict) for each in value.values()):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: " + ", ".join(f"{key} {each:.4g}" for key, each in value.items())


if __name__ == "__main__":
    raise SystemExit(main())

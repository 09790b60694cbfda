"""What timing a GPU costs the host, and whether the times agree with torch's own events.

Needs an NVIDIA GPU: without one it says why and exits with 0. Without a torch that sees the GPU, what needs work on the
device is left out. ``python -m bench.cuda``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from bench.interleave import Candidate, time_interleaved
from inference_bench import _native

CALLS = 200  # in a chunk: as many intervals as may be unread
ROUNDS = 40
SIZES = (64, 512, 2048)  # of square matrix products: a few microseconds to some hundred
INTERVALS = 200


def main() -> int:
    """Print the floor, the host's costs and the agreement."""
    available, reason = _native.cuda_available()
    if not available:
        print(f"nothing to measure: {reason}")
        return 0
    try:
        timer = _native.CudaEventTimer(2 * CALLS)
    except RuntimeError as error:
        print(f"nothing to measure: {error}")
        return 0
    about = timer.describe()
    print(f"{about['device_name']}, driver {about['driver_version']}\n")
    torch = _torch()
    for section in (_floor(timer), _costs(timer, torch), _agreement(timer, torch)):
        print("\n".join(section), end="\n\n")
    return 0


def _torch() -> Any | None:
    try:
        import torch
    except ImportError:
        print("torch is not installed: no peer, and no work to time", file=sys.stderr)
        return None
    if torch.cuda.is_available():
        return torch
    print(f"torch {torch.__version__} sees no CUDA device: no peer, and no work to time", file=sys.stderr)
    return None


def _floor(timer: _native.CudaEventTimer) -> Iterator[str]:
    """What two events with nothing between them read."""
    yield "| floor | ns |"
    yield "|---|---:|"
    for name, value in timer.floor().items():
        if name != "pairs":
            yield f"| {name.removesuffix('_ns')} | {value:,} |"


def _costs(timer: _native.CudaEventTimer, torch: Any | None) -> Iterator[str]:
    """What one interval costs the host, its reading left out: that comes after the phase."""
    # Events that are read as they end, by the timer's own thread, compete for the driver's lock.
    with_reader = _native.CudaEventTimer(2 * CALLS, reader=True)
    candidates = [
        _interval("begin / end", "t.end(t.begin(0))", timer.collect, t=timer),
        _interval("begin / end, reader thread", "t.end(t.begin(0))", with_reader.collect, t=with_reader),
    ]
    if torch is not None:
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        made = "a = E(enable_timing=True); b = E(enable_timing=True); a.record(); b.record()"
        candidates += [
            _interval("torch.cuda.Event, reused", "a.record(); b.record()", torch.cuda.synchronize, a=first, b=last),
            _interval("torch.cuda.Event, made for each", made, torch.cuda.synchronize, E=torch.cuda.Event),
        ]
    if _native.nvml_available()[0]:
        probe = _native.NvmlProbe()
        candidates.append(Candidate("NvmlProbe.read()", "p.read()", {"p": probe}, calls=5))
    yield "| host's cost | ns, minimum | ns, median |"
    yield "|---|---:|---:|"
    for name, cost in time_interleaved(candidates, rounds=ROUNDS).items():
        yield f"| {name} | {cost.minimum:,.0f} | {cost.median:,.0f} |"


def _interval(name: str, statement: str, after: Callable[[], object], **names: Any) -> Candidate:
    return Candidate(name, statement, names, after, calls=CALLS)


def _agreement(timer: _native.CudaEventTimer, torch: Any | None) -> Iterator[str]:
    """The same products, in turns timed by ours and by torch's events."""
    if torch is None:
        return
    yield "| square product of | ours, ns | torch's, ns | ours / torch's |"
    yield "|---:|---:|---:|---:|"
    stream = torch.cuda.current_stream().cuda_stream
    for size in SIZES:
        a = torch.rand(size, size, device="cuda")
        out = torch.empty_like(a)
        torch.mm(a, a, out=out)
        torch.cuda.synchronize()
        timer.collect()
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        ours, theirs = [], []
        for number in range(2 * INTERVALS):
            if number % 2:
                interval = timer.begin(stream)
                torch.mm(a, a, out=out)
                timer.end(interval)
                ours += timer.collect()["gpu_ns"].tolist()
            else:
                first.record()
                torch.mm(a, a, out=out)
                last.record()
                last.synchronize()
                theirs.append(first.elapsed_time(last) * 1e6)
        yield f"| {size} | {median(ours):,.0f} | {median(theirs):,.0f} | {median(ours) / median(theirs):.3f} |"


if __name__ == "__main__":
    sys.exit(main())

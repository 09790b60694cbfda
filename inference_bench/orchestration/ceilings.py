"""The machine's ceilings, measured in fresh processes: read bandwidth, matrix products, the smallest operation.

All processes run once per round, so that the last round tells whether the machine drifted since the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import numpy as np

from inference_bench._native import now_ns
from inference_bench.analysis.estimates import median_estimate
from inference_bench.analysis.machine_load import disturbances, is_doubtful
from inference_bench.ceilings import Ceilings, GemvRate, Interval, MachineLoad, MatmulRate, ReadBandwidth
from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.device import check_device
from inference_bench.machine.environment import describe_environment
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.orchestration.load_watch import LoadWatch, present_load
from inference_bench.spec import DTYPES
from inference_bench.units import MIB

_READING = "inference_bench.machine.reading_process"
_RATES = "inference_bench.model.engines.transformers.rates_process"
_ROUNDS = 2
_REPETITIONS = 15
"""In each round: 30 together, whose median has an interval of order statistics."""
_GEMV_REPETITIONS = 5
"""In each round. A repetition multiplies all matrices; ten of them are enough for an interval."""
_GEMV_BYTES = 256 * MIB
"""Size of all matrices together that one row is multiplied by; smaller where no working set of this size is read."""
_MOST_THREADS = 4096
_LEAST_PART_BYTES = 512
_LARGEST_BYTES = 512 * MIB
_SHARE_OF_MEMORY = 4
"""At most one part in four of what is available is read."""

Key = tuple[str, int, tuple[int | str, ...]]
"""What was measured, threads, and working set or dtype, of products of one row also the size of a matrix."""
Rounds = dict[Key, list[list[float]]]
"""The values of each round."""
Note = Callable[[int, int, str], None]
"""Is told the number of the next process, of how many, and what it measures."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One process.

    Attributes:
        title: what it measures.
        module: that it runs.
        threads: of the framework, or that read.
        request: the rest of what it is asked.
    """

    title: str
    module: str
    threads: int
    request: Mapping[str, object]


def measure_ceilings(
    device: str = "cpu",
    *,
    threads: Sequence[int] = (),
    dtypes: Sequence[str] = (),
    sizes: Sequence[int] = (),
    note: Note | None = None,
) -> Ceilings:
    """Measure the ceilings of a device; a minute where two CPUs are usable. Stores nothing.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: empty for 1, 2, 4 … up to the usable CPUs, of a GPU for one.
        dtypes: some of ``spec.DTYPES``; empty for all. One that torch cannot multiply is left out.
        sizes: bytes of the working sets; empty for those from the second cache to 512 MiB or four times the last cache.
        note: is told the progress.

    Raises:
        UsageError: the device cannot be used, or a value is not allowed; nothing was measured.
        InferenceBenchError: a process failed.
        InterruptedWorkError: it was interrupted.
    """
    check_device(device)
    _check(threads, dtypes)
    environment = describe_environment()
    jobs = _jobs(device, threads or default_threads(device), dtypes or DTYPES, sizes or default_sizes())
    rounds, load = _measured(jobs, note)
    return _ceilings(str(environment.get("fingerprint")), device, rounds, load)


def is_worth_measuring(known: Ceilings | None) -> bool:
    """Return whether ceilings are to be measured: unknown ones, and if the machine is calm now those that are lacking.

    Those are old or doubtful, or were measured before products of one row were.
    """
    if known is None:
        return True
    return (known.is_old() or is_doubtful(known) or not known.gemv) and not disturbances(present_load())


def default_threads(device: str = "cpu") -> tuple[int, ...]:
    """Return the thread counts that are measured: powers of two, and all usable CPUs."""
    most = available_cpus() if device == "cpu" else 1
    return tuple(sorted({*(1 << power for power in range(most.bit_length())), most}))


def default_sizes() -> tuple[int, ...]:
    """Return the working sets that are measured, in bytes: each twice as large as the one before.

    They reach from the second cache to at least four times the last one, as far as a quarter of the memory allows.
    """
    caches = describe_environment().get("cpu", {}).get("caches", {})
    return _sizes(caches.get("L2", MIB), max(caches.values(), default=0), headroom_bytes())


def _sizes(smallest: int, cache: int, available: int | None) -> tuple[int, ...]:
    enough = max(_LARGEST_BYTES, 4 * cache)
    sizes = [smallest]
    while sizes[-1] < enough and (available is None or 2 * sizes[-1] <= available // _SHARE_OF_MEMORY):
        sizes.append(2 * sizes[-1])
    return tuple(sizes)


def _check(threads: Sequence[int], dtypes: Sequence[str]) -> None:
    for count in threads:
        if not 1 <= count <= _MOST_THREADS:
            raise InvalidValueError("threads", str(count), f"1 to {_MOST_THREADS}")
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UnknownNameError("dtype", dtype, DTYPES)


def _jobs(device: str, threads: Sequence[int], dtypes: Sequence[str], sizes: Sequence[int]) -> list[_Job]:
    products = {
        "device": device,
        "dtypes": list(dtypes),
        "gemv_bytes": min(_GEMV_BYTES, max(sizes)),
        "gemv_repetitions": _GEMV_REPETITIONS,
    }

    def of(count: int) -> Iterator[_Job]:
        words = f"{count} thread" if count == 1 else f"{count} threads"
        if device == "cpu":
            read = [size for size in sizes if size >= count * _LEAST_PART_BYTES]
            yield _Job(f"read bandwidth, {words}", _READING, count, {"sizes": read})
        yield _Job(f"matrix products, {words}", _RATES, count, products)

    return [job for _ in range(_ROUNDS) for count in threads for job in of(count)]


def _measured(jobs: Sequence[_Job], note: Note | None) -> tuple[Rounds, MachineLoad]:
    """Return what all processes found, and the load of the machine beside them."""
    found: Rounds = {}
    watch, began_ns, thread_ns = LoadWatch(), now_ns(), 0
    for number, job in enumerate(jobs, 1):
        if note is not None:
            note(number, len(jobs), job.title)
        job_ns = now_ns()
        for what, key, values in _reply(job):
            found.setdefault((what, job.threads, key), []).append(values)
        thread_ns += job.threads * (now_ns() - job_ns)
    return found, watch.load(thread_ns / (now_ns() - began_ns))


def _reply(job: _Job) -> list[tuple[str, tuple[int | str, ...], list[float]]]:
    request = {**job.request, "threads": job.threads, "repetitions": _REPETITIONS}
    environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads), **_bound(job)}
    done = run_python("-m", job.module, text=json.dumps(request), environment=environment)
    if done.returncode:
        raise InferenceBenchError(f"ceilings: the process for {job.title} failed ({last_line(done)}).")
    return [(what, tuple(key), values) for what, key, values in json.loads(done.stdout)]


def _bound(job: _Job) -> Mapping[str, str]:
    """Return what binds the threads of OpenMP to a CPU each, where there are as many (OpenMP 5.2, section 21.2)."""
    return {"OMP_PROC_BIND": "true", "OMP_PLACES": "threads"} if job.threads <= available_cpus() else {}


def _ceilings(fingerprint: str, device: str, rounds: Rounds, load: MachineLoad) -> Ceilings:
    widest = bool(disturbances(load))
    intervals = {key: _interval(values, widest) for key, values in rounds.items()}

    def of(what: str) -> list[tuple[int, tuple[int | str, ...], Interval]]:
        """Return threads, key and figure of each."""
        return [(threads, key, found) for (kind, threads, key), found in intervals.items() if kind == what]

    def first(what: str) -> Interval | None:
        """Return the one with the fewest threads."""
        return next((found for _, _, found in sorted(of(what), key=lambda each: each[0])), None)

    operation_ns = first("operation")
    assert operation_ns is not None
    return Ceilings(
        fingerprint=fingerprint,
        device=device,
        measured_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        read=tuple(ReadBandwidth(threads, int(size), found) for threads, (size,), found in of("read")),
        matmul=tuple(MatmulRate(str(dtype), threads, found) for threads, (dtype,), found in of("matmul")),
        gemv=tuple(GemvRate(str(dtype), threads, int(size), found) for threads, (dtype, size), found in of("gemv")),
        operation_ns=operation_ns,
        launch_ns=first("launch"),
        copy_bytes_per_s=first("copy"),
        drift=max(_drift(values) for values in rounds.values()),
        load=load,
    )


def _interval(rounds: Sequence[Sequence[float]], widest: bool = False) -> Interval:
    """Return the median of all repetitions; an end that they are too few or too dependent for is the extreme one.

    Args:
        rounds: the values of each.
        widest: take both extremes: on a busy machine the best repetition comes nearest to the ceiling.
    """
    values = np.array([value for each in rounds for value in each], np.float64)
    estimate = median_estimate(values)
    middle = float(np.median(values)) if estimate.value is None else estimate.value
    low = float(values.min()) if widest or estimate.low is None else estimate.low
    high = float(values.max()) if widest or estimate.high is None else estimate.high
    return Interval(middle, low, high)


def _drift(rounds: Sequence[Sequence[float]]) -> float:
    return abs(median(rounds[-1]) / median(rounds[0]) - 1)

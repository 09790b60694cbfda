"""The native core. Times are nanoseconds on the CLOCK_MONOTONIC_RAW scale, shared by all processes of a machine."""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import ClassVar, Literal, Self, SupportsFloat, SupportsIndex, TypeVar, final, overload

from typing_extensions import Buffer, CapsuleType

from inference_bench._native_types import (
    ClockDescription,
    CudaTimerDescription,
    EventFloor,
    GpuReading,
    HttpFraming,
    MemoryPhase,
    MemorySamplerStats,
    NvmlSamplerStats,
    PacerDescription,
    ReadTimes,
    SmapsRollup,
    SpanCounts,
)

_Function = TypeVar("_Function", bound=Callable[..., object])

def now_ns() -> int:
    """Return the present time. The first call of a process may wait up to 10 ms, to calibrate."""

def ticks() -> int:
    """Read the counter without fences, for spans. `ticks_to_ns` converts it later."""

def ticks_begin() -> int:
    """Read the counter with fences: earlier instructions have finished, and later ones have not begun."""

def ticks_end() -> int:
    """Read the counter with fences, after the code that `ticks_begin` was called before."""

def ticks_to_ns(ticks: int, /) -> int:
    """Return the nanosecond of a tick. The same tick always converts to the same nanosecond."""

def convert_ticks(ticks: Buffer, /) -> memoryview:
    """Return int64 nanoseconds for a contiguous buffer of native uint64 ticks."""

def clock_describe() -> ClockDescription:
    """Describe the clock, and time about 40,000 readings of it (1 ms)."""

def clock_recalibrate() -> bool:
    """Compare with CLOCK_MONOTONIC_RAW and steer. Return False if too soon, or if no reading was tight enough."""

@final
class TickRecorder:
    """A fixed array of raw ticks: no allocation and no page fault while recording. One thread at a time.

    Itself a read-only buffer of uint64 ticks.
    """

    def __new__(cls, capacity: int) -> Self: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def capacity(self) -> int: ...
    @property
    def dropped(self) -> int:
        """Number of ticks that found it full."""

    def tick(self) -> None: ...
    def clear(self) -> None:
        """Remove all ticks. Raises BufferError while a view of them is alive."""

    def nanoseconds(self) -> memoryview:
        """Return the ticks so far as int64 nanoseconds."""

@final
class MemorySampler:
    """A native thread that records this process's memory on a time grid, without the GIL.

    `interval_ns` is from 100 µs to an hour. `capacity` is in samples; later ones are dropped and counted. While
    the thread uses more than `budget` of one core, the interval doubles, and `lengthened` counts that.
    `reset_hwm` lowers the process's VmHWM at the beginning of each phase, which makes `hwm_bytes` its exact peak.
    `pss` reads smaps_rollup at the end of each phase: 0.3-170 ms, under a lock that page faults need.

    A child of a fork sees it stopped, with what was recorded so far, and may start it again.
    """

    def __new__(
        cls,
        interval_ns: int = 10_000_000,
        capacity: int = 1_048_576,
        budget: float = 0.01,
        reset_hwm: bool = False,
        pss: bool = False,
    ) -> Self: ...
    def start(self) -> None:
        """Start the thread; RuntimeError if it runs. A second run appends to the first."""

    def stop(self) -> None:
        """End the open phase and the thread. Does nothing if stopped already."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def mark_phase(self, name: str) -> None:
        """End the open phase and begin another. RuntimeError unless running; a name may be used again."""

    @property
    def running(self) -> bool: ...
    @property
    def phase_names(self) -> list[str]:
        """The names that the phase column indexes. The first is "", for samples outside every phase."""

    def columns(self) -> dict[str, memoryview]:
        """Return time_ns, rss_bytes, probe_cost_ns (int64), phase (uint16), and, if this process is in a memory cgroup,
        cgroup_bytes (int64, -1 where a reading failed). May be called while it runs; the views stay valid."""

    def phases(self) -> list[MemoryPhase]:
        """Return the phases in order, the open one included."""

    def stats(self) -> MemorySamplerStats: ...

def rss_bytes() -> int | None: ...
def hwm_bytes() -> int | None: ...
def reset_hwm() -> bool:
    """Lower VmHWM to the present RSS, for every reader of this process. Return False if the kernel refuses."""

def max_rss_bytes() -> int | None:
    """Return the same mark from getrusage, for a sixth of the cost. It includes what this process used before exec."""

def smaps_rollup() -> SmapsRollup | None:
    """Read it, 0.3-170 ms; None where the kernel refuses."""

def die_with_parent(signal: int = 9) -> None:
    """Make the kernel send `signal` when the thread that forked this process ends. OSError if it refuses.

    If the parent ended before this call, no signal comes: compare os.getppid() after it.
    """

# ---- spans, instants and counters

@final
class Span:
    """Times blocks (`with s:`), functions (`@s`) and coroutine functions. One per name, shared and re-entrant.

    Recursion, threads, tasks and suspended generators may be in it at once; each gets its own record, written as it
    ends. While no recorder runs nothing is recorded, not even the end of a block that began before. Entering a span
    after the last recorder was closed, not just stopped, is a RuntimeError.
    """

    @property
    def name(self) -> str: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def __call__(self, function: _Function, /) -> _Function:
        """Decorate. A coroutine is timed from its first step to its end. TypeError for a generator function."""

    @overload
    def begin(self) -> None:
        """Begin without an id. RuntimeError if begun already: two ends without ids cannot be told apart."""

    @overload
    def begin(self, id: int, value: int = 0, /) -> None:
        """Begin with an id. A drain matches it with `end(id)` of any thread or task, by name and id."""

    def end(self, id: int = ..., /) -> None:
        """End. Without an id, RuntimeError unless begun; with one, `counts()` counts ends without a beginning."""

@final
class SpanEntry:
    """One entry into a span, with a value, for one block at a time."""

    @overload
    def __call__(self) -> Self:
        """Enter, as `__enter__` does, and return the entry itself."""

    @overload
    def __call__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Leave."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@overload
def span(name: str, /) -> Span:
    """Return the span of a name, always the same object. Names are never freed: ValueError beyond 65,536."""

@overload
def span(name: str, value: int, /) -> SpanEntry: ...
@overload
def begin(name: str, /) -> None: ...
@overload
def begin(name: str, id: int, value: int = 0, /) -> None: ...
def end(name: str, id: int = ..., /) -> None: ...
def mark(name: str, value: int = 0, /) -> None:
    """Record an instant."""

def counter(name: str, value: int, /) -> None:
    """Record the new reading of a counter."""

@final
class Mark:
    """An instant whose name was looked up once."""

    def __new__(cls, name: str) -> Self: ...
    @property
    def name(self) -> str: ...
    def __call__(self, value: int = 0, /) -> None: ...

def recording() -> bool:
    """Return whether a recorder runs."""

@final
class SpanRecorder:
    """Collects the records of all threads while it runs. One recorder at a time runs in a process.

    `capacity` is in records of 32 bytes, allocated at once; each recording thread holds 2,046 of them. When full,
    `mode` "discard" loses the newest records and "overwrite" the oldest, and both are counted. `backlog` is how many
    more a native thread may move out to make room, without the GIL; their memory is allocated as needed.

    A child of a fork sees it stopped, with what was recorded so far, and may start it again.
    """

    def __new__(
        cls, capacity: int = 262_144, mode: Literal["discard", "overwrite"] = "discard", backlog: int = 0
    ) -> Self: ...
    def start(self) -> None:
        """Start; RuntimeError if this or another runs, or this was closed. A second run appends to the first."""

    def stop(self) -> None:
        """Stop and keep the records. Does nothing if stopped already."""

    def close(self) -> None:
        """Stop for good and keep the records, for `drain()` and `snapshot()`.

        If this recorder ran last, entering a span is a RuntimeError until another recorder starts.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    @property
    def running(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def capacity(self) -> int:
        """The capacity asked for, rounded up to whole chunks."""

    @property
    def mode(self) -> Literal["discard", "overwrite"]: ...
    def drain(self) -> SpanRecords:
        """Return all records and remove them. May be called while it runs."""

    def snapshot(self) -> SpanRecords:
        """Return all records and keep them. Halves whose other half was drained before are not matched."""

    def counts(self) -> SpanCounts: ...

@final
class SpanRecords:
    """The records of a drain or a snapshot, and a source of Arrow data: `pyarrow.table(recorder.drain())`."""

    def __len__(self) -> int: ...
    @property
    def memory_bytes(self) -> int:
        """Memory that it holds: 42 bytes per record, 48 per matched pair of halves, and a fixed part."""

    def records(self) -> Table:
        """Return name, kind (span, begin, end, instant, counter), thread, id, value, begin_ns, end_ns, raised."""

    def spans(self) -> Table:
        """Return whole spans, then matched halves: name, thread, id, value, begin_ns, duration_ns, raised."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...

@final
class Table:
    """Columns of one length, exported as Arrow data or through the buffer protocol, without a copy."""

    def __len__(self) -> int: ...
    @property
    def column_names(self) -> list[str]: ...
    def column(self, name: str, /) -> memoryview: ...
    def columns(self) -> dict[str, memoryview]: ...
    def labels(self, name: str, /) -> list[str] | None:
        """Return the texts that a column's numbers are indices of, or None for plain numbers."""

    def __arrow_c_schema__(self) -> CapsuleType: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[CapsuleType, CapsuleType]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...

@final
class _NoopContext:
    """The cheapest possible context manager, to compare spans with."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

def _native_span_cost(n: int) -> tuple[int, int]:
    """Return the ticks that `n` spans in C++, and `n` pairs of clock readings, take."""

# ---- end of spans

# ---- histograms, counters, gauges

@final
class Histogram:
    """Log-linear buckets of durations, as HdrHistogram lays them out. Any thread may record.

    A bucket is at most 1/128 (`bits=7`, 35 KB) or 1/1024 (`bits=10`, 254 KB) of its values wide. `highest_ns` is
    raised to the last value of its power of two; the default is 18 minutes. Values above count as overflow, values
    below zero as underflow.
    """

    def __new__(cls, bits: int = 7, highest_ns: int = 1_099_511_627_775) -> Self: ...
    @property
    def bits(self) -> int: ...
    @property
    def highest_ns(self) -> int: ...
    def observe(self, seconds: SupportsFloat | SupportsIndex, /) -> None:
        """Record seconds, rounded to nanoseconds. ValueError unless finite."""

    def observe_ns(self, ns: SupportsIndex, /) -> None: ...
    def read(self) -> HistogramCounts:
        """Return a copy of what was recorded since the last `take`. Writers may continue."""

    def take(self) -> HistogramCounts:
        """Return the same and start over. Every value lies in exactly one of the histograms taken."""

@final
class HistogramCounts:
    """The counts of a histogram at one moment. They never change; `repr` has the total and two percentiles."""

    @property
    def bits(self) -> int: ...
    @property
    def highest_ns(self) -> int: ...
    @property
    def underflow(self) -> int: ...
    @property
    def overflow(self) -> int: ...
    @property
    def in_range(self) -> int: ...
    @property
    def total(self) -> int:
        """underflow + in_range + overflow."""

    @property
    def sum_ns(self) -> int | None:
        """Exact sum of the values in range, at most 2^63 - 1. None if decoded from a format without it."""

    @property
    def mean_ns(self) -> float | None:
        """Mean of the values in range."""

    @property
    def counts(self) -> memoryview:
        """uint64, one per bucket, without a copy."""

    @property
    def lowest_ns(self) -> memoryview:
        """int64, the first value of each bucket. Its last is the next one's first, less 1."""

    def percentile(self, percent: float, /) -> tuple[int | None, int | None] | None:
        """Return the first and last value of the bucket of `sorted(values)[ceil(percent / 100 * total) - 1]`.

        Under- and overflow count among the values: (None, -1) if it is below zero, (highest_ns + 1, None) if it is
        above the range. None if there are no values.
        """

    def merged(self, other: HistogramCounts, /) -> HistogramCounts:
        """Return the sum, with the coarser of both bits. ValueError if `highest_ns` differ: convert one first."""

    def __add__(self, other: HistogramCounts, /) -> HistogramCounts: ...
    def converted(self, bits: int | None = None, highest_ns: int | None = None) -> HistogramCounts:
        """Return exact counts with fewer bits or another range.

        Values above a lower range become overflow, and the sum is then None. ValueError for more bits, or for a higher
        range if there is overflow.
        """

    def to_hdr(self) -> bytes:
        """Return HdrHistogram V2, compressed and in base64. The format has no underflow, overflow or sum."""

    @staticmethod
    def from_hdr(encoded: bytes | str, /) -> HistogramCounts:
        """Decode HdrHistogram V2 with 2 or 3 significant digits and lowest value 1. ValueError for anything else."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Counter:
    """A number that only grows. Any thread may add."""

    def __new__(cls) -> Self: ...
    def inc(self) -> None: ...
    def add(self, n: SupportsIndex, /) -> None:
        """Add `n`. ValueError below 0, OverflowError if the sum would pass 2^63 - 1."""

    @property
    def value(self) -> int: ...

@final
class Gauge:
    """A finite number that goes up and down. Any thread may change it."""

    def __new__(cls) -> Self: ...
    def set(self, value: SupportsFloat | SupportsIndex, /) -> None: ...
    def add(self, delta: SupportsFloat | SupportsIndex, /) -> None: ...
    def inc(self) -> None: ...
    def dec(self) -> None: ...
    @property
    def value(self) -> float: ...

# ---- loop

@final
class LoopTimes:
    """The result of `loop`: int64 columns on the native clock."""

    @property
    def calls(self) -> int: ...
    @property
    def begin_ns(self) -> memoryview: ...
    @property
    def duration_ns(self) -> memoryview:
        """One per call, or with `each=False` one for all calls together."""

    @property
    def warmup_duration_ns(self) -> memoryview:
        """One per warm-up call."""

    @property
    def floor_ns(self) -> float:
        """Time per call that the same loop gives a C function which does nothing. It is not subtracted."""

    @property
    def returned(self) -> object:
        """The result of the last call."""

def loop(
    callable: Callable[..., object],
    n: int,
    /,
    *,
    warmup: int = 0,
    each: bool = True,
    args: tuple[object, ...] = (),
) -> LoopTimes:
    """Call `callable(*args)` `n` times from C, after `warmup` calls, and time each call, or all together.

    Each time covers the call alone; with `each=False` it also covers releasing the result and checking for signals.
    An exception of the callable propagates with a note of how many calls had returned. Other threads get the GIL
    only when the callable releases it.
    """

# ---- read bandwidth (csrc/bindings/read_bandwidth.cpp)

def read_bandwidth(
    working_set_bytes: SupportsIndex, threads: SupportsIndex, *, repetitions: SupportsIndex, least_ns: SupportsIndex
) -> ReadTimes:
    """Time threads that add up all numbers of a working set, each thread its own part.

    The threads begin each repetition together and inherit this one's affinity. Memory is anonymous and first touched
    by the thread that reads it. Other Python threads run meanwhile, and Ctrl-C ends it.

    Args:
        working_set_bytes: Of all threads; each part is rounded down to a multiple of 512.
        threads: At most 4096.
        repetitions: At most 1,000,000.
        least_ns: How long a repetition lasts at least; it reads a smaller working set several times.

    Raises:
        MemoryError: There is no address space for it. What is not free must not be asked for: the kernel may kill.
        ValueError: A number outside of its limits.
    """

# ---- thread and system counters

def interruptions() -> tuple[int, int]:
    """Return the involuntary context switches and major page faults of this process so far."""

@final
class ThreadReading:
    """A thread's counters at one moment or, as `later - earlier`, between two. Absent counters are None, never 0."""

    @property
    def time_ns(self) -> int: ...
    @property
    def cpu_time_ns(self) -> int | None: ...
    @property
    def run_queue_wait_ns(self) -> int | None:
        """Time ready to run, but not running."""

    @property
    def voluntary_switches(self) -> int | None:
        """Switches because the thread waited."""

    @property
    def involuntary_switches(self) -> int | None:
        """Switches because another task got the core."""

    @property
    def cpu_migrations(self) -> int | None: ...
    @property
    def minor_faults(self) -> int | None: ...
    @property
    def major_faults(self) -> int | None:
        """Faults that read from a disk."""

    @property
    def instructions(self) -> int | None: ...
    @property
    def cycles(self) -> int | None: ...
    @property
    def cache_misses(self) -> int | None:
        """Misses of the last-level cache."""

    @property
    def task_clock_ns(self) -> int | None: ...
    def __sub__(self, earlier: ThreadReading, /) -> ThreadReading: ...
    def as_dict(self) -> dict[str, int | None]: ...

@final
class ThreadCounters:
    """Counters of the thread that makes it. Descriptors stay open; a reading takes 4 µs.

    `perf` adds instructions, cycles, cache_misses and task_clock_ns where the kernel and the machine allow.
    """

    def __new__(cls, *, perf: bool = False) -> Self: ...
    def read(self) -> ThreadReading:
        """RuntimeError on another thread, or in a forked child."""

    @property
    def limits(self) -> dict[str, str]:
        """Reasons by name, for counters that are None or count user space only."""

@final
class SystemReading:
    """The machine's counters at one moment or, as `later - earlier`, between two. Absent counters are None, never 0.

    Times are sums over all cores in steps of the kernel's tick (10 ms); pressures are wall time in steps of 1 µs.
    """

    @property
    def time_ns(self) -> int: ...
    @property
    def user_ns(self) -> int | None:
        """User time, nice included."""

    @property
    def system_ns(self) -> int | None: ...
    @property
    def interrupts_ns(self) -> int | None: ...
    @property
    def idle_ns(self) -> int | None: ...
    @property
    def iowait_ns(self) -> int | None: ...
    @property
    def steal_ns(self) -> int | None:
        """Time the hypervisor ran another guest. 0 also if it does not report it."""

    @property
    def cpu_some_pressure_ns(self) -> int | None:
        """Time some task was ready and had no core."""

    @property
    def memory_some_pressure_ns(self) -> int | None: ...
    @property
    def memory_full_pressure_ns(self) -> int | None: ...
    @property
    def io_some_pressure_ns(self) -> int | None: ...
    @property
    def io_full_pressure_ns(self) -> int | None: ...
    def __sub__(self, earlier: SystemReading, /) -> SystemReading: ...
    def as_dict(self) -> dict[str, int | None]: ...

@final
class SystemCounters:
    """Counters of the whole machine. Descriptors stay open; a reading takes 5 µs, more with hundreds of cores."""

    def __new__(cls) -> Self: ...
    def read(self) -> SystemReading: ...

# ---- CUDA events (csrc/bindings/cuda.cpp)

def cuda_available() -> tuple[bool, str]:
    """Return whether a CUDA driver can be loaded, and which or why not. Does not call cuInit, so it sees no devices.

    `INFERENCE_BENCH_LIBCUDA` names another file to load.
    """

@final
class CudaEventTimer:
    """Times GPU work between two points of a stream, without waiting for the GPU while measuring.

    `capacity` is how many intervals may be begun and not yet read; their events are made here. An interval begun when
    no events are free is counted and lost, and the next `collect` doubles the capacity. With `reader`, a native thread
    reads intervals as the GPU ends them; without, `collect` does. `device` is CUDA's number; the default is this
    thread's present context, or else device 0.

    RuntimeError if CUDA cannot be used, and from every method in a forked child. `begin` and `end` are for one thread
    at a time. Driver errors while measuring raise nothing: they become the status of their interval.
    """

    def __new__(cls, capacity: int = 256, reader: bool = False, device: int | None = None) -> Self: ...
    def begin(self, stream: int, calls: int = 1, /) -> int:
        """Record an event on a stream (`torch.cuda.Stream.cuda_stream`; 0 is the default). Return the interval's id.

        `calls` is how many launches follow back to back: a short kernel becomes measurable by repeating it. At most 256
        intervals may be open.
        """

    def end(self, id: int = ..., /) -> None:
        """Record the other event on the same stream. Without an id, exactly one interval must be open."""

    def collect(self, wait: bool = True) -> dict[str, memoryview]:
        """Return the intervals that ended since the last call, sorted by id. Open intervals stay.

        id, calls, host_begin_ns, host_ns, gpu_begin_ns, gpu_ns, gap_ns (int64), stream (uint64), status and error
        (uint16).
        Times are on the clock of `now_ns`. host_ns is the wall time between the two recordings, gpu_ns that between the
        two events, gap_ns their difference: negative where the host did not wait for the GPU. Status is 0; or 1, the
        interval is too short for events (below 20 µs, or 50 µs of several calls); or 2, it failed with the CUresult in
        error (900: the stream was being captured into a graph) and its GPU times are -2**63.

        With `wait`, waits for the GPU to end them; without, unfinished ones are left for the next call.
        """

    def floor(self) -> EventFloor:
        """Return the readings of two events with nothing between them, measured when the timer was made."""

    def describe(self) -> CudaTimerDescription: ...

# ---- NVML (csrc/bindings/nvml.cpp)

def nvml_available() -> tuple[bool, str]:
    """Return whether NVIDIA's management library can be loaded, and which or why not. Does not initialise it.

    `INFERENCE_BENCH_LIBNVML` names another file to load.
    """

@final
class NvmlProbe:
    """One GPU's state. `gpu` is NVML's index, a UUID or a PCI bus id; NVML's order is not CUDA's.

    RuntimeError where there is no such library or GPU, and from every method in a forked child.
    """

    def __new__(cls, gpu: int | str = 0) -> Self: ...
    def read(self) -> GpuReading: ...
    def processes(self) -> list[tuple[int, int | None]] | None:
        """Return (pid, bytes) per process with a context; pids are the host's. 5 ms: do not call it while timing."""

@final
class NvmlSampler:
    """A native thread that reads a GPU's state on a time grid, without the GIL.

    `interval_ns` is from 10 ms to an hour. `capacity` is in samples; later ones are dropped and counted. While the
    thread uses more than `budget` of one core, the interval doubles, and `lengthened` counts that.
    """

    def __new__(
        cls,
        gpu: int | str = 0,
        interval_ns: int = 100_000_000,
        capacity: int = 262_144,
        budget: float = 0.01,
    ) -> Self: ...
    def start(self) -> None:
        """Start the thread; RuntimeError if it runs. A second run appends to the first."""

    def stop(self) -> None:
        """Stop the thread. Does nothing if stopped already."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    @property
    def running(self) -> bool: ...
    def columns(self) -> dict[str, memoryview]:
        """Return time_ns, the fields of `NvmlProbe.read` that this GPU has, and probe_cost_ns: int64, -1 where a
        reading failed. May be called while it runs."""

    def stats(self) -> NvmlSamplerStats: ...

# ---- pacer

@final
class HttpLoad:
    """Sends prepared HTTP/1.1 requests at their planned instants on kept-alive connections, and stamps what arrives.

    One native thread does all of it, without the GIL. Times are on the scale of `now_ns`. A late request is sent late
    and never planned anew. A load runs once; a child of a fork sees it stopped, with what was recorded so far.
    """

    def __new__(
        cls,
        address: str,
        port: int,
        requests: Iterable[Buffer],
        *,
        offsets_ns: Buffer | Iterable[SupportsIndex] | None = None,
        concurrency: int = 0,
        after: Buffer | Iterable[SupportsIndex] | None = None,
        connections: int = 4096,
        timeout_ns: int = 600_000_000_000,
        idle_timeout_ns: int = 0,
        most_bytes: int = 67_108_864,
        tls_name: str | None = None,
        tls_ca: str | None = None,
        longest_spin_ns: int = 200_000,
    ) -> Self:
        """Prepare a load; ValueError names what is out of range. RuntimeError for https without OpenSSL.

        Args:
            address: An IPv4 or IPv6 address; names are for the caller to resolve.
            port: Of the server.
            requests: The raw bytes of each request, head and body.
            offsets_ns: When each is due, at least 0: after the start (never decreasing), after the end of the request
                that it comes after or, in a closed loop, after a client became free. None: 0 for each.
            concurrency: Clients of a closed loop. Each goes on when its request, and all that come after it, have
                ended. 0: an open loop, which needs `offsets_ns`.
            after: For each request an earlier one, however it ends, or -1.
            connections: Most that are open at once. A request without one waits, and that is dispatch lag.
            timeout_ns: Of a request, from its planned instant.
            idle_timeout_ns: Longest time without a byte once a request is written; 0: no limit.
            most_bytes: Of one response, head and body.
            tls_name: For https: the host name or IP address that the server's certificate must be for. OpenSSL is
                loaded at run time; stamps are then of the ciphertext.
            tls_ca: A PEM file with the authorities to believe; None: the system's.
            longest_spin_ns: As for `Pacer`.
        """

    def start(self) -> None:
        """Start; offsets count from 1 ms later. RuntimeError if started or stopped before."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether all have ended, or the load was stopped, in time. Without the GIL; signal handlers run.

        RuntimeError before the start.
        """

    def stop(self) -> None:
        """End what is under way as `interrupted` and the rest as `unsent`. Does nothing when all have ended."""

    @property
    def start_ns(self) -> int | None:
        """The instant that offsets count from, or None before `start`."""

    @property
    def sent(self) -> int:
        """Requests of which a byte was handed to the kernel."""

    @property
    def ended(self) -> int:
        """Requests that have ended, well or not."""

    @property
    def cpu_ns(self) -> int:
        """CPU time of the sending and receiving thread, nanoseconds; 0 before the load is over."""

    @property
    def total(self) -> int: ...
    @property
    def tls_error(self) -> str | None:
        """Why the first TLS handshake that failed did, or None."""

    def requests(self) -> Table:
        """Return a row for each request that has ended: times in nanoseconds, -1 where there is none.

        `request`, `connection` (number, in the order of opening), `planned_ns`, `sent_ns` (before the first byte went
        to the kernel), `written_ns` (after the last), `connect_ns` and `tls_ns` (durations that the request waited for;
        0 on a connection that was open), `first_byte_kernel_ns`, `first_byte_ns`, `ended_ns`, `status` (0: none),
        `outcome` (labels), `head_bytes`, `body_bytes`, `resent` (1: the server had closed the kept-alive connection,
        and the request went out once more on a new one).
        """

    def chunks(self) -> Table:
        """Return a row for each read that brought bytes of a body, in the order of the reads.

        `request`, `kernel_ns` (when the kernel received the last of it; -1 if not known), `read_ns`, `offset` and
        `length` (bytes, within the body without chunked coding), `stalled` (1 if it may have waited for a stall).
        """

    def stalls(self) -> Table:
        """Return `began_ns` and `ended_ns` of times over 1 ms in which the thread did not run although it should."""

    def head(self, request: int, /) -> bytes:
        """Return the head of a response. IndexError if there is no such request, RuntimeError before it has ended."""

    def body(self, request: int, /) -> bytes:
        """Return the body of a response, without chunked coding; what came of it. Raises like `head`."""

def _frame_response(
    pieces: Iterable[Buffer], ended: bool = False, bodiless: bool = False, most_bytes: int = 67_108_864
) -> HttpFraming:
    """Return what the framing makes of a response that comes in pieces, for tests."""

@final
class Pacer:
    """Hands out the ticks of a schedule when they are due. Make one with `constant`, `poisson`, `gamma` or `trace`.

    The schedule is computed at once, before the start. The first tick lies one gap after the start (a trace's, where
    the trace says). A late tick is handed out late and never skipped. Random gaps come from a 64-bit Mersenne Twister.

    Waiting sleeps, then spins for as long as wake-ups on this machine were late, at most `longest_spin_ns` (0 to 1 ms;
    with 0 it only sleeps; where the process may run on a single CPU, at most 50 µs). A pacer runs once. A child of a
    fork sees it stopped, with what was recorded so far.
    """

    @staticmethod
    def constant(rate: float, count: int, *, longest_spin_ns: int = 200_000) -> Pacer:
        """Use equal gaps. `rate` is in ticks per second, up to 1e9; at most 100 million ticks and 366 days."""

    @staticmethod
    def poisson(rate: float, count: int, *, seed: int, longest_spin_ns: int = 200_000) -> Pacer:
        """Draw exponential gaps by inverse CDF. `seed` is from 0 to 2^64 - 1."""

    @staticmethod
    def gamma(rate: float, count: int, *, shape: float, seed: int, longest_spin_ns: int = 200_000) -> Pacer:
        """Draw gamma gaps, coefficient of variation 1 / sqrt(shape), 0.01 to 1e6: 1 is Poisson, less is burstier."""

    @staticmethod
    def trace(offsets_ns: Buffer | Iterable[SupportsIndex], *, longest_spin_ns: int = 200_000) -> Pacer:
        """Use given nanoseconds after the start, never decreasing: whole numbers, or a buffer of int64."""

    def start(self) -> None:
        """Start: offsets count from here. RuntimeError if started before. The first `wait` starts too."""

    def stop(self) -> None:
        """End every wait, from any thread. Does nothing if stopped already."""

    def close(self) -> None:
        """Stop and close the eventfd. Remove it from the event loop first."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def wait(self) -> int | None:
        """Return the index of the next tick once it is due, or None after the last one or a stop. Runs without the GIL.

        Several threads may wait: each tick goes to one of them. RuntimeError once there is an eventfd.
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> int: ...
    def __len__(self) -> int:
        """Number of ticks in the schedule."""

    def open_eventfd(self) -> int:
        """Start, with a native thread, and return a descriptor for `loop.add_reader`: readable when ticks are due.

        It is also readable after a stop. The pacer owns it and closes it in `close`.
        """

    def take(self) -> range:
        """Return the ticks that fell due since the last call, perhaps none. They count as handed out now."""

    @property
    def done(self) -> bool:
        """Whether no further tick comes: all were handed out, or it was stopped."""

    @property
    def start_ns(self) -> int | None:
        """The start on the scale of `now_ns`, or None before it."""

    @property
    def spin_ns(self) -> int:
        """How long before a deadline it stops sleeping at present; 0 if it only sleeps."""

    def schedule(self) -> memoryview:
        """Return the offset of every tick from the start, int64 nanoseconds."""

    def columns(self) -> dict[str, memoryview]:
        """Return one row per tick handed out, in order, int64, on the scale of `now_ns`. May be called while it runs.

        index, scheduled_ns, woken_ns (the native wait ended), actual_ns (the caller had the tick and the GIL),
        lag_ns (actual - scheduled).
        """

    def describe(self) -> PacerDescription: ...

# ---- a scripted HTTP server (csrc/bindings/scripted_server.cpp)

@final
class ScriptedServer:
    """An HTTP/1.1 server on 127.0.0.1 that plays prepared responses and stamps what it sends: the truth for clients.

    The k-th request, in the order of the arrival of their last bytes, is answered by ``scripts[k % len(scripts)]``. A
    script is a sequence of steps: when, in ns after the whole request arrived, and the raw bytes, the HTTP head
    included (no bytes: only time passes). After its last step, `close` says what becomes of the connection, one word
    for each script or one for all: ``keep``, ``close``, ``reset`` (by TCP), or ``half`` (no more is sent, but read).
    A request that begins with a key of `routes` ("GET /v1/models") plays that script and does not count as one of
    the k; the first key that fits counts.

    One native thread without the GIL. It listens at once and answers from `start` on; it runs once. A child of a fork
    sees it stopped.
    """

    def __new__(
        cls,
        scripts: Iterable[Iterable[tuple[int, Buffer]]],
        *,
        port: int = 0,
        close: str | Iterable[str] = "keep",
        routes: Mapping[str, Iterable[tuple[int, Buffer]]] = ...,
    ) -> Self: ...
    @property
    def port(self) -> int: ...
    def start(self) -> None:
        """Start to answer; RuntimeError if started or stopped before."""

    def stop(self) -> None:
        """Close all connections; what was recorded stays. Does nothing if stopped already."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def requests(self) -> Table:
        """Return a row per whole request: request, script, connection, first_byte_ns, received_ns, ended_ns, complete.

        `script` is an index; routes are numbered after the scripts. `ended_ns` is -1 until it ended; `complete` is 1
        if the whole script was played, 0 if the client went away. May be called while it runs.
        """

    def sends(self) -> Table:
        """Return one row per step that had bytes and was sent: request, step, planned_ns, sent_ns, length.

        `sent_ns` is just before the kernel was given the step's last byte. May be called while it runs.
        """

    def request_bytes(self, request: int, /) -> bytes: ...

"""The native core. Times are nanoseconds on the CLOCK_MONOTONIC_RAW scale, shared by all processes of a machine."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, SupportsFloat, SupportsIndex, TypeVar, final, overload

from typing_extensions import Buffer, CapsuleType

_Function = TypeVar("_Function", bound=Callable[..., Any])

def now_ns() -> int:
    """The first call of a process may wait up to 10 ms, to calibrate."""

def ticks() -> int:
    """Read the counter plainly, for spans; `ticks_to_ns` gives it a unit later."""

def ticks_begin() -> int:
    """Read it fenced: nothing from before is still running, nothing from after has begun."""

def ticks_end() -> int:
    """Close what `ticks_begin` opened."""

def ticks_to_ns(ticks: int, /) -> int:
    """A tick that was converted once converts to the same nanosecond for ever."""

def convert_ticks(ticks: Buffer, /) -> memoryview:
    """A memoryview of int64 nanoseconds for a contiguous buffer of native uint64 ticks."""

def clock_describe() -> dict[str, Any]:
    """What the clock is, what one reading costs, and how far it can be trusted.

    source, reason, frequency_hz, resolution_ns, read_cost_ns, fenced_pair_cost_ns, residual_ppm, max_residual_ns,
    anchors, rejected_anchors, suspends, backwards, drift, baseline_ns. Takes about 1 ms.
    """

def clock_recalibrate() -> bool:
    """Compare with CLOCK_MONOTONIC_RAW and steer by it. False if too soon, or no reading was tight enough."""

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
        """Ticks that came when it was full."""

    def tick(self) -> None: ...
    def clear(self) -> None:
        """Forget all ticks. BufferError while a view of them is alive."""

    def nanoseconds(self) -> memoryview:
        """The ticks so far as int64 nanoseconds."""

class MemorySampler:
    """A native thread that records this process's memory on a grid, without the GIL.

    `interval_ns` is from 100 µs to an hour. `capacity` is in samples; later ones are dropped and counted. While
    the thread takes more than `budget` of one core, the interval doubles, and that is counted.
    `reset_hwm` lowers the process's VmHWM at the beginning of each phase, which makes `hwm_bytes` its exact peak.
    `pss` reads smaps_rollup at the end of each phase: 0.3-170 ms, under a lock that page faults need.

    A child of a fork sees it stopped, with what was recorded so far, and may start it again.
    """

    def __init__(
        self,
        interval_ns: int = 10_000_000,
        capacity: int = 1_048_576,
        budget: float = 0.01,
        reset_hwm: bool = False,
        pss: bool = False,
    ) -> None: ...
    def start(self) -> None:
        """RuntimeError if running. A second run appends to the first."""

    def stop(self) -> None:
        """End the phase, if one is open, and the thread. Nothing happens if it is stopped already."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def mark_phase(self, name: str) -> None:
        """End the present phase and begin another. RuntimeError unless running; names may come again."""

    @property
    def running(self) -> bool: ...
    @property
    def phase_names(self) -> list[str]:
        """What the phase column indexes. The first is "", for samples outside every phase."""

    def columns(self) -> dict[str, memoryview]:
        """time_ns, rss_bytes, probe_cost_ns (int64), phase (uint16), and cgroup_bytes (int64, -1 where one reading
        failed) if this process is in a memory cgroup. Also while it runs; the views stay valid afterwards."""

    def phases(self) -> list[dict[str, Any]]:
        """One dict a phase, in order. Absent readings, and the end of an open phase, are None.

        name, begin_ns, end_ns, rss_begin_bytes, rss_end_bytes, samples, sampled_peak_bytes, hwm_bytes, hwm_exact,
        cgroup_peak_bytes, pss_bytes, uss_bytes. `sampled_peak_bytes` is the most that was seen; a short peak passes
        between two samples. `hwm_bytes` is the kernel's mark at the end, and the phase's own peak if `hwm_exact`.
        """

    def stats(self) -> dict[str, Any]:
        """samples, missed, dropped, interval_ns, present_interval_ns, achieved_interval_ns, lengthened, duty,
        probe_cost_p50_ns, probe_cost_max_ns, buffer_bytes."""

def rss_bytes() -> int | None: ...
def hwm_bytes() -> int | None: ...
def reset_hwm() -> bool:
    """Lower VmHWM to the present RSS, for everyone who looks at this process. False where the kernel refuses."""

def max_rss_bytes() -> int | None:
    """The same mark by way of getrusage, for a sixth of the cost. Never below what this process used before exec."""

def smaps_rollup() -> dict[str, int | None] | None:
    """rss_bytes, pss_bytes, uss_bytes, swap_bytes."""

def die_with_parent(signal: int = 9) -> None:
    """Have the kernel send `signal` when the thread that forked this process ends. OSError if it refuses.

    That thread, not its process; and a parent that died before this call sends nothing: compare os.getppid() after it.
    """

# ---- spans, instants and counters

@final
class Span:
    """Times blocks (`with s:`), functions (`@s`) and coroutine functions. One for each name, shared and re-entrant.

    Recursion, threads, tasks and suspended generators may all be in it at once; each gets its own record, written as it
    ends. While no recorder runs it costs a block's bare minimum, and nothing is recorded, not even the end of what
    began before. Entering one after the last recorder was closed, not just stopped, is a RuntimeError.
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
        """RuntimeError if begun already: without ids two ends could not be told apart."""

    @overload
    def begin(self, id: int, value: int = 0, /) -> None:
        """Matched with `end(id)` by name and id when drained, whatever thread or task that comes from."""

    def end(self, id: int = ..., /) -> None:
        """Without an id, RuntimeError unless begun. With one, `counts()` tells of ends without a beginning."""

@final
class SpanEntry:
    """One entry into a span, with a value. For one block at a time."""

    @overload
    def __call__(self) -> Self:
        """Enter, as `__enter__` does: that is the entry itself, so that no method is bound for a block."""

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
    """The same object for the same name. Names are kept for ever: ValueError beyond 65,536 of them."""

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
    """Record a counter's new reading."""

@final
class Mark:
    """An instant whose name was looked up once."""

    def __new__(cls, name: str) -> Self: ...
    @property
    def name(self) -> str: ...
    def __call__(self, value: int = 0, /) -> None: ...

def recording() -> bool:
    """Whether a recorder runs."""

@final
class SpanRecorder:
    """Collects what all threads record while it runs. One at a time runs in a process.

    `capacity` is in records of 32 bytes, whose memory is taken at once; each thread that records holds 2,046 of them.
    Full, `mode` "discard" loses the newest and "overwrite" the oldest, and both are counted. `backlog` records more may
    be held by a native thread that makes room, without the GIL; their memory is taken as they come.

    A child of a fork sees it stopped, with what was recorded so far, and may start it again.
    """

    def __init__(
        self, capacity: int = 262_144, mode: Literal["discard", "overwrite"] = "discard", backlog: int = 0
    ) -> None: ...
    def start(self) -> None:
        """RuntimeError if this or another runs, or this was closed. A second run appends to the first."""

    def stop(self) -> None:
        """What was recorded stays. Nothing happens if it is stopped already."""

    def close(self) -> None:
        """Stop for good. What was recorded stays, for `drain()` and the others.

        If it is the recorder that ran last, RuntimeError for whoever enters a span from now on, until another starts.
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
        """What was asked for, rounded up to whole chunks."""

    @property
    def mode(self) -> Literal["discard", "overwrite"]: ...
    def drain(self) -> SpanRecords:
        """Take all records away; also while it runs."""

    def snapshot(self) -> SpanRecords:
        """Look at them. Halves whose other was drained before are not matched."""

    def counts(self) -> dict[str, int]:
        """recorded, waiting, lost (the sum of lost_full and overwritten), open, unmatched_begins, unmatched_ends,
        memory_bytes. Records made are `recorded + lost`; a run with `lost` above 0 is incomplete."""

@final
class SpanRecords:
    """What a recorder gave away or showed. Itself a source of Arrow data: `pyarrow.table(recorder.drain())`."""

    def __len__(self) -> int: ...
    @property
    def memory_bytes(self) -> int:
        """Memory that it holds: 42 bytes per record, 48 per matched pair of halves, and a fixed part."""

    def records(self) -> Table:
        """name, kind (span, begin, end, instant, counter), thread, id, value, begin_ns, end_ns, raised."""

    def spans(self) -> Table:
        """Whole spans, then matched halves by their ends: name, thread, id, value, begin_ns, duration_ns, raised."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...

@final
class Table:
    """Columns of one length that leave as Arrow or through the buffer protocol, without a copy."""

    def __len__(self) -> int: ...
    @property
    def column_names(self) -> list[str]: ...
    def column(self, name: str, /) -> memoryview: ...
    def columns(self) -> dict[str, memoryview]: ...
    def labels(self, name: str, /) -> list[str] | None:
        """What the numbers of a column stand for, or None if they are just numbers."""

    def __arrow_c_schema__(self) -> CapsuleType: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[CapsuleType, CapsuleType]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType: ...

@final
class _NoopContext:
    """The least that a with statement can cost, to measure spans against."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

def _native_span_cost(n: int) -> tuple[int, int]:
    """Ticks that `n` spans in C++, and `n` pairs of bare clock readings, take."""

# ---- end of spans

# ---- histograms, counters, gauges

@final
class Histogram:
    """Log-linear buckets of durations, as HdrHistogram lays them out. Any thread may record.

    A bucket is at most 1/128 (`bits=7`, 35 KB) or 1/1024 (`bits=10`, 254 KB) of its values wide. `highest_ns` is
    raised to the last value of its power of two; the default is 18 minutes. What is above counts as overflow, what
    is below zero as underflow.
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
        """Copy what was recorded since the last `take`, while writers go on."""

    def take(self) -> HistogramCounts:
        """The same, and begin anew. Every value lies in exactly one of the histograms taken."""

class HistogramCounts:
    """What a histogram held at one moment. It never changes."""

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
        """Exact sum of the values in range, at most 2^63 - 1. None where a format in between did not hold it."""

    @property
    def mean_ns(self) -> float | None:
        """Of the values in range."""

    @property
    def counts(self) -> memoryview:
        """uint64, one a bucket, without a copy."""

    @property
    def lowest_ns(self) -> memoryview:
        """int64, the first value of each bucket. Its last is the next one's first, less 1."""

    def percentile(self, percent: float, /) -> tuple[int | None, int | None] | None:
        """First and last value of the bucket of `sorted(values)[ceil(percent / 100 * total) - 1]`.

        Under- and overflow count among the values: (None, -1) if it is below zero, (highest_ns + 1, None) if it is
        above the range. None if there are no values.
        """

    def merged(self, other: HistogramCounts, /) -> HistogramCounts:
        """Also `+`. In the coarser of both bits; ValueError if `highest_ns` differ: convert one first."""

    def __add__(self, other: HistogramCounts, /) -> HistogramCounts: ...
    def converted(self, bits: int | None = None, highest_ns: int | None = None) -> HistogramCounts:
        """Fewer bits or another range, exactly. ValueError for more bits, or to raise the range of an overflow.

        What a lower range does not reach becomes overflow, and the sum is then None.
        """

    def to_hdr(self) -> bytes:
        """HdrHistogram V2, compressed and in base64. It has no place for underflow, overflow and the sum."""

    @staticmethod
    def from_hdr(encoded: bytes | str, /) -> HistogramCounts:
        """ValueError for what is malformed or cannot be held exactly: 2 or 3 significant digits, lowest value 1."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Counter:
    """A number that only grows. Any thread may add."""

    def __new__(cls) -> Self: ...
    def inc(self) -> None: ...
    def add(self, n: SupportsIndex, /) -> None:
        """ValueError below 0, OverflowError if it would pass 2^63 - 1."""

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

class LoopTimes:
    """What `loop` measured: int64 columns on the native clock."""

    @property
    def calls(self) -> int: ...
    @property
    def begin_ns(self) -> memoryview: ...
    @property
    def duration_ns(self) -> memoryview:
        """One a call, or with `each=False` one for all."""

    @property
    def warmup_duration_ns(self) -> memoryview:
        """One a warm-up call."""

    @property
    def floor_ns(self) -> float:
        """What the same loop makes of a C function that does nothing, a call. Subtracted from nothing."""

    @property
    def returned(self) -> object:
        """What the last call returned."""

def loop(
    callable: Callable[..., object],
    n: int,
    /,
    *,
    warmup: int = 0,
    each: bool = True,
    args: tuple[object, ...] = (),
) -> LoopTimes:
    """Call `callable(*args)` `n` times from C, after `warmup` calls kept apart, and time each, or all together.

    Between fenced ticks lies the call alone; with `each=False` also letting its result go and a look for signals.
    An exception of the callable propagates with a note of how many calls had returned. Other threads get the GIL
    only where the callable gives it away.
    """

# ---- thread and system counters

def interruptions() -> tuple[int, int]:
    """Involuntary context switches and major page faults of all threads of this process so far."""

class ThreadReading:
    """A thread's counters at one moment or, as `later - earlier`, between two. What is absent is None, never 0."""

    @property
    def time_ns(self) -> int: ...
    @property
    def cpu_time_ns(self) -> int | None: ...
    @property
    def run_queue_wait_ns(self) -> int | None:
        """Ready to run, and not running."""

    @property
    def voluntary_switches(self) -> int | None:
        """It waited for something."""

    @property
    def involuntary_switches(self) -> int | None:
        """Its core was given to another."""

    @property
    def cpu_migrations(self) -> int | None: ...
    @property
    def minor_faults(self) -> int | None: ...
    @property
    def major_faults(self) -> int | None:
        """Those that had to read from a disk."""

    @property
    def instructions(self) -> int | None: ...
    @property
    def cycles(self) -> int | None: ...
    @property
    def cache_misses(self) -> int | None:
        """Of the last level."""

    @property
    def task_clock_ns(self) -> int | None: ...
    def __sub__(self, earlier: ThreadReading, /) -> ThreadReading: ...
    def as_dict(self) -> dict[str, int | None]: ...

class ThreadCounters:
    """What happens to the thread that makes it besides its own work. Descriptors stay open; a reading takes 4 µs.

    `perf` adds instructions, cycles, cache_misses and task_clock_ns where the kernel and the machine allow.
    """

    def __init__(self, *, perf: bool = False) -> None: ...
    def read(self) -> ThreadReading:
        """RuntimeError on another thread, or in a forked child."""

    @property
    def limits(self) -> dict[str, str]:
        """Which counters are None, or see user space only, and why."""

class SystemReading:
    """The machine's counters at one moment or, as `later - earlier`, between two. What is absent is None, never 0.

    Times are sums over all cores in steps of the kernel's tick (10 ms); pressures are wall time in steps of 1 µs.
    """

    @property
    def time_ns(self) -> int: ...
    @property
    def user_ns(self) -> int | None:
        """Nice included."""

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
        """The hypervisor ran somebody else. 0 also under one that does not say."""

    @property
    def cpu_some_pressure_ns(self) -> int | None:
        """Some task was ready and had no core."""

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

class SystemCounters:
    """What the whole machine is busy with. Descriptors stay open; a reading takes 5 µs, more with hundreds of cores."""

    def __init__(self) -> None: ...
    def read(self) -> SystemReading: ...

# ---- CUDA events (csrc/bindings/cuda.cpp)

def cuda_available() -> tuple[bool, str]:
    """Whether a CUDA driver can be loaded; and which, or why not. Calls no cuInit, so it does not see devices.

    `INFERENCE_BENCH_LIBCUDA` names another file than libcuda.so.1.
    """

@final
class CudaEventTimer:
    """Times what a GPU does between two points of a stream, without waiting for it while measuring.

    `capacity` intervals may lie between `begin` and being read; the events for them are made here. Intervals begun when
    none are free are counted and lost, and the next `collect` doubles the capacity. With `reader`, a native thread
    reads intervals as the GPU ends them and frees their events; without, `collect` does. `device` is CUDA's number; the
    default is this thread's present context, or else device 0.

    RuntimeError where CUDA cannot be used, and from every method in a forked child. `begin` and `end` are for one
    thread at a time. Errors of the driver while measuring are no exceptions: they become their interval's status.
    """

    def __new__(cls, capacity: int = 256, reader: bool = False, device: int | None = None) -> Self: ...
    def begin(self, stream: int, calls: int = 1, /) -> int:
        """Record an event on a stream (`torch.cuda.Stream.cuda_stream`; 0 is the default one); the interval's id.

        `calls` is how many launches follow back to back: a short kernel becomes measurable by repeating it. At most 256
        intervals may be open.
        """

    def end(self, id: int = ..., /) -> None:
        """Record the other event on the same stream. Without an id, exactly one interval must be open."""

    def collect(self, wait: bool = True) -> dict[str, memoryview]:
        """What has ended since the last call, sorted by id; intervals that are still open stay.

        id, calls, host_begin_ns, host_ns, gpu_begin_ns, gpu_ns, gap_ns (int64), stream (uint64), status and error
        (uint16).
        Times are on the clock of `now_ns`. host_ns is the wall time between the two recordings, gpu_ns that between the
        two events, gap_ns their difference: negative where the host did not wait for the GPU. Status is 0; or 1, the
        interval is too short for events (below 20 µs, or 50 µs of several calls); or 2, it failed with the CUresult in
        error (900: the stream was being captured into a graph) and its GPU times are -2**63.

        With `wait`, waits for the GPU to end them; without, leaves what it has not ended for the next call.
        """

    def floor(self) -> dict[str, int]:
        """What two events with nothing between them read on this device, measured when the timer was made.

        pairs, gpu_min_ns, gpu_median_ns, gpu_max_ns; record_min_ns, record_median_ns: the host's cost of recording one.
        """

    def describe(self) -> dict[str, Any]:
        """library, driver_version, device, device_name, pci_bus_id, retained_primary_context, capacity, open, begun,
        read, exhausted (lost for want of events), dropped (lost because four million were never collected), grown,
        failed, queries, reader, growth_error, anchor_error, anchors, anchor_width_ns (the mapping to the host's clock
        is right to half of it), rebases, longest_step_ns (the coarsest float32 step that was read), gpu_clock_ppm."""

# ---- NVML (csrc/bindings/nvml.cpp)

def nvml_available() -> tuple[bool, str]:
    """Whether NVIDIA's management library can be loaded; and which, or why not. Does not initialise it.

    `INFERENCE_BENCH_LIBNVML` names another file than libnvidia-ml.so.1.
    """

class NvmlProbe:
    """One GPU's state. `gpu` is NVML's index, a UUID or a PCI bus id; NVML's order is not CUDA's.

    RuntimeError where there is no such library or GPU, and from every method in a forked child.
    """

    def __init__(self, gpu: int | str = 0) -> None: ...
    def read(self) -> dict[str, int | None]:
        """memory_used_bytes, sm_clock_mhz, memory_clock_mhz, throttle_reasons (bits), temperature_c, power_mw,
        energy_mj; None for what this GPU does not tell. Memory is the whole device's. Power is a mean over 1 s from
        Ampere on."""

    def processes(self) -> list[tuple[int, int | None]] | None:
        """(pid, bytes) of each process with a context; pids are the host's. 5 ms: not while anything is timed."""

class NvmlSampler:
    """A native thread that reads a GPU's state on a grid, without the GIL.

    `interval_ns` is from 10 ms to an hour. `capacity` is in samples; later ones are dropped and counted. While the
    thread takes more than `budget` of one core, the interval doubles, and that is counted.
    """

    def __init__(
        self,
        gpu: int | str = 0,
        interval_ns: int = 100_000_000,
        capacity: int = 262_144,
        budget: float = 0.01,
    ) -> None: ...
    def start(self) -> None:
        """RuntimeError if running. A second run appends to the first."""

    def stop(self) -> None:
        """Nothing happens if it is stopped already."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    @property
    def running(self) -> bool: ...
    def columns(self) -> dict[str, memoryview]:
        """time_ns, what `NvmlProbe.read` has, probe_cost_ns: int64, -1 where one reading failed. Without the columns
        that this GPU never fills. Also while it runs."""

    def stats(self) -> dict[str, Any]:
        """samples, missed, dropped, interval_ns, present_interval_ns, lengthened, duty."""

# ---- pacer

@final
class Pacer:
    """Hands out the ticks of a schedule when they are due. Make one with `constant`, `poisson`, `gamma` or `trace`.

    The schedule is computed at once, so that nothing but waiting is left to do after the start. The first tick lies one
    gap after it (a trace's, where it says). A late tick is handed out late and never skipped. Random gaps come from the
    64-bit Mersenne Twister, seeded with `seed`.

    Waiting sleeps, then spins for as long as wake-ups on this machine were late, at most `longest_spin_ns` (0 to 1 ms;
    0 only sleeps, and so does a process that may use one CPU only). A pacer runs once. A child of a fork sees it
    stopped, with what was recorded so far.
    """

    @staticmethod
    def constant(rate: float, count: int, *, longest_spin_ns: int = 200_000) -> Pacer:
        """`rate` is in ticks a second, up to 1e9. `count` is at most 100 million, and 366 days are the longest."""

    @staticmethod
    def poisson(rate: float, count: int, *, seed: int, longest_spin_ns: int = 200_000) -> Pacer:
        """Gaps are exponential, by inverse CDF. `seed` is from 0 to 2^64 - 1."""

    @staticmethod
    def gamma(rate: float, count: int, *, shape: float, seed: int, longest_spin_ns: int = 200_000) -> Pacer:
        """Gaps have a coefficient of variation of 1 / sqrt(shape), 0.01 to 1e6: 1 is Poisson, less is burstier."""

    @staticmethod
    def trace(offsets_ns: Buffer | Iterable[SupportsIndex], *, longest_spin_ns: int = 200_000) -> Pacer:
        """Nanoseconds after the start, never decreasing: whole numbers, or a buffer of int64."""

    def start(self) -> None:
        """Offsets count from here. RuntimeError if started before; the first `wait` starts by itself."""

    def stop(self) -> None:
        """End every wait, from any thread. Nothing happens if it is stopped already."""

    def close(self) -> None:
        """Stop, and close the eventfd. An event loop must have forgotten it before."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def wait(self) -> int | None:
        """The index of the next tick, once it is due; None after the last one, or a stop. Runs without the GIL.

        Several threads may wait: each tick goes to one of them. RuntimeError once there is an eventfd.
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> int: ...
    def __len__(self) -> int:
        """How many ticks the schedule has."""

    def open_eventfd(self) -> int:
        """Start, with a native thread, and return a descriptor for `loop.add_reader`: readable when ticks are due.

        It is readable after a stop too. It stays the pacer's, which closes it in `close`.
        """

    def take(self) -> range:
        """The ticks that fell due since the last call, perhaps none; they count as handed out now."""

    @property
    def done(self) -> bool:
        """Whether no further tick will come: all were handed out, or it was stopped."""

    @property
    def start_ns(self) -> int | None:
        """On the scale of `now_ns`."""

    @property
    def spin_ns(self) -> int:
        """How long before a deadline it stops sleeping at present; 0 where it only sleeps."""

    def schedule(self) -> memoryview:
        """The offset of every tick from the start, int64 nanoseconds."""

    def columns(self) -> dict[str, memoryview]:
        """One row for each tick handed out, in order, int64, on the scale of `now_ns`; also while it runs.

        index, scheduled_ns, woken_ns (the native wait ended), actual_ns (the caller had it, and the GIL with it),
        lag_ns (actual - scheduled).
        """

    def describe(self) -> dict[str, Any]:
        """kind, count, duration_ns; rate unless a trace; shape of gamma; seed and generator if random."""

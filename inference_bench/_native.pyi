"""The native core. Times are nanoseconds on the CLOCK_MONOTONIC_RAW scale, shared by all processes of a machine."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, SupportsIndex, final

from typing_extensions import Buffer

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

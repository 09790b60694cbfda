"""The dicts that the native core returns. Integers are nanoseconds or bytes where a key says so, otherwise counts."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ClockDescription(TypedDict):
    """What the clock is, what one reading costs, and how well it keeps to CLOCK_MONOTONIC_RAW."""

    source: Literal["tsc", "cntvct_el0", "monotonic_raw"]
    reason: str
    frequency_hz: float
    resolution_ns: float  # smallest positive difference of two readings
    read_cost_ns: float  # median, plain
    fenced_pair_cost_ns: float  # median, ticks_begin() and ticks_end() together
    residual_ppm: float  # the latest rate against the rate since the origin
    max_residual_ns: int  # largest distance from CLOCK_MONOTONIC_RAW ever found
    anchors: int  # readings that the clock was steered by
    rejected_anchors: int
    suspends: int  # the machine slept: durations across it mean nothing
    backwards: int  # a reading before an earlier one: the cores' counters differ
    drift: bool  # above 10 ppm, beyond what the readings' width explains
    baseline_ns: int  # how long the frequency has been averaged over


class MemoryPhase(TypedDict):
    """The memory of this process between two marks. Absent readings, and the end of an open phase, are None."""

    name: str
    begin_ns: int
    end_ns: int | None
    rss_begin_bytes: int | None
    rss_end_bytes: int | None
    samples: int
    sampled_peak_bytes: int | None  # the most that samples and edges saw; a short peak passes between two samples
    hwm_bytes: int | None  # the kernel's high-water mark at the end
    hwm_exact: bool  # that mark was set within this phase: it is this phase's peak
    cgroup_peak_bytes: int | None  # at the end, since the cgroup began
    pss_bytes: int | None
    uss_bytes: int | None


class MemorySamplerStats(TypedDict):
    """How a memory sampler kept to its grid, and what it cost."""

    samples: int
    missed: int  # grid points that passed without a sample
    dropped: int  # samples that found the columns full
    interval_ns: int
    present_interval_ns: int
    achieved_interval_ns: float  # 0 before two samples
    lengthened: int  # times the budget doubled the interval
    duty: float  # CPU time of the thread over the time it ran
    probe_cost_p50_ns: int
    probe_cost_max_ns: int
    buffer_bytes: int  # the sampler's own share of the RSS that it reports


class SmapsRollup(TypedDict):
    """This process's memory as /proc/self/smaps_rollup sums it up."""

    rss_bytes: int | None
    pss_bytes: int | None
    uss_bytes: int | None  # private clean and dirty
    swap_bytes: int | None


class SpanCounts(TypedDict):
    """What became of the records of a span recorder. Records made are ``recorded + lost``."""

    recorded: int
    waiting: int  # of these, not drained yet
    lost: int  # lost_full + overwritten; a run with any is incomplete
    lost_full: int  # found no room
    overwritten: int  # were the oldest, and never drained
    open: int  # begun with an id and not ended, as of the last drain
    unmatched_begins: int
    unmatched_ends: int
    memory_bytes: int


class EventFloor(TypedDict):
    """The readings of two CUDA events with nothing between them."""

    pairs: int
    gpu_min_ns: int
    gpu_median_ns: int
    gpu_max_ns: int
    record_min_ns: int  # the host's cost of recording one event
    record_median_ns: int


class CudaTimerDescription(TypedDict):
    """Device, driver, counts, and how the GPU's clock is mapped to the host's."""

    library: str
    driver_version: int
    device: int
    device_name: str
    pci_bus_id: str
    retained_primary_context: bool
    capacity: int  # intervals that fit between begin() and being read
    open: int
    begun: int
    read: int
    exhausted: int  # lost because no events were free
    dropped: int  # lost because four million were never collected
    grown: int  # times that collect() doubled the capacity
    failed: int
    queries: int  # asked of the driver: is this event done?
    reader: bool  # its thread is running
    growth_error: str | None
    anchor_error: str | None  # the last mapping failed: the one before it was used
    anchors: int
    anchor_width_ns: int  # of the widest: the mapping is right to half of it
    rebases: int
    longest_step_ns: float  # the coarsest step of a float32 that was read
    gpu_clock_ppm: float  # how much faster the GPU's clock runs


class GpuReading(TypedDict):
    """The state of one GPU as NVML reports it; None for what this GPU does not report."""

    memory_used_bytes: int | None  # of the whole device
    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    throttle_reasons: int | None  # bits
    temperature_c: int | None
    power_mw: int | None  # from Ampere on a mean over 1 s
    energy_mj: int | None


class NvmlSamplerStats(TypedDict):
    """How an NVML sampler kept to its grid, and what it cost."""

    samples: int
    missed: int
    dropped: int
    interval_ns: int
    present_interval_ns: int
    lengthened: int
    duty: float


class PacerDescription(TypedDict):
    """The schedule of a pacer."""

    kind: Literal["constant", "poisson", "gamma", "trace"]
    count: int
    duration_ns: int
    rate: NotRequired[float]  # ticks per second; a trace has none
    shape: NotRequired[float]  # of gamma
    seed: NotRequired[int]  # of poisson and gamma
    generator: NotRequired[str]  # of poisson and gamma


class HttpFraming(TypedDict):
    """What the framing made of an HTTP response."""

    progress: Literal["unfinished", "complete", "malformed", "too_large"]
    status: int  # 0 before the end of the head
    head: bytes
    body: bytes  # without chunked coding
    reusable: bool  # whether the connection may carry another request
    rest: int  # bytes that were not taken


class ReadTimes(TypedDict):
    """Repetitions of reading a working set."""

    working_set_bytes: int
    passes: int  # of one repetition, over the whole working set
    times_ns: list[int]  # of each repetition, from the first thread's begin to the last one's end
    instructions: str  # "avx512f", "avx2", "sse2" or "neon"

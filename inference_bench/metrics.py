"""Every metric, declared once: tag, unit, direction, formula and source.

A metric whose values are observed is *sampled*: its samples are integers (nanoseconds or bytes) and stand in Parquet;
what is said of it is their median. A metric with a ``derived_from`` is a monotone function of a sampled one: it is
computed from that metric's summary and has no samples of its own, so it cannot disagree with them. A metric whose
``statistic`` is not the median is *scored*: each item of a data set has one score, and what is said of it is their
mean or the largest.

Let a generation of ``n`` new tokens start at ``t[0]`` (the prompt's token ids are ready on the host) and let ``t[i]``
be the instant when token ``i`` (1-based) has arrived on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference_bench.errors import UnknownNameError


class Statistic(StrEnum):
    """What one figure is made of many values."""

    MEDIAN = "median"
    MEAN = "mean"
    MAXIMUM = "maximum"


class Better(StrEnum):
    """Which way a metric improves."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity.

    Attributes:
        tag: stable identifier, the spelling used in every file.
        title: heading for people.
        unit: ``ns``, ``bytes``, ``tokens/s``, ``fraction`` …, as written in every file.
        better: which way it improves.
        formula: the definition.
        source: where the definition comes from.
        derived_from: tag of the sampled metric that this one is a function of, or None.
        statistic: what is said of many values.
        overview: whether it stands in the table of all models.
    """

    tag: str
    title: str
    unit: str
    better: Better
    formula: str
    source: str
    derived_from: str | None = None
    statistic: Statistic = Statistic.MEDIAN
    overview: bool = False


_MLPERF = "MLPerf Inference rules, LLM server metrics (TTFT, TPOT)"
_FIELD = "common usage of serving benchmarks (inter-token latency)"
_OWN = "this project"
_LINUX = "Linux proc(5)"

_ALL = (
    Metric(
        "ttft",
        "TTFT",
        "ns",
        Better.LOWER,
        "t[1] - t[0]: prefill of the prompt and the first token",
        _MLPERF,
        overview=True,
    ),
    Metric("tpot", "TPOT", "ns", Better.LOWER, "(t[n] - t[1]) / (n - 1), one per generation", _MLPERF),
    Metric("itl", "ITL", "ns", Better.LOWER, "t[i] - t[i-1] for i = 2..n, one per decode step", _FIELD),
    Metric("e2e", "end to end", "ns", Better.LOWER, "t[n] - t[0]", _MLPERF),
    Metric(
        "prefill_rate",
        "prefill",
        "tokens/s",
        Better.HIGHER,
        "input_length / ttft",
        _FIELD,
        derived_from="ttft",
    ),
    Metric(
        "decode_rate",
        "decode",
        "tokens/s",
        Better.HIGHER,
        "1 / itl, batch 1",
        _FIELD,
        derived_from="itl",
        overview=True,
    ),
    Metric("call_time", "call", "ns", Better.LOWER, "end of the function's call minus its beginning", _OWN),
    Metric(
        "rss_peak_sampled",
        "peak RSS (sampled)",
        "bytes",
        Better.LOWER,
        "largest resident set size seen by the sampler during the phase",
        _LINUX + ", /proc/self/statm",
    ),
    Metric(
        "rss_peak_hwm",
        "peak RSS (kernel)",
        "bytes",
        Better.LOWER,
        "kernel high-water mark of the resident set, reset where the phase begins",
        _LINUX + ", VmHWM and clear_refs",
        overview=True,
    ),
    Metric(
        "rss_growth",
        "RSS growth",
        "bytes",
        Better.LOWER,
        "resident set size at the phase's end minus at its beginning",
        _LINUX + ", /proc/self/statm",
    ),
)

METRICS: dict[str, Metric] = {metric.tag: metric for metric in _ALL}


def get_metric(tag: str) -> Metric:
    """Return the metric with this tag.

    Raises:
        UnknownNameError: no metric has it.
    """
    try:
        return METRICS[tag]
    except KeyError:
        raise UnknownNameError("metric", tag, METRICS) from None

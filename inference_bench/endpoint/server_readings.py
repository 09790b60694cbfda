"""What scrapes of a server's ``/metrics`` say over the time of a load, as rows: when, which series, its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from inference_bench.endpoint.server_metrics import Scrape

_MEANINGS: Mapping[str, str] = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_use",
    "vllm:gpu_cache_usage_perc": "kv_use",
    "sglang:num_running_reqs": "running",
    "sglang:num_queue_reqs": "waiting",
    "sglang:token_usage": "kv_use",
    "llamacpp:requests_processing": "running",
    "llamacpp:requests_deferred": "waiting",
    "llamacpp:kv_cache_usage_ratio": "kv_use",
}
"""Series whose meaning is known, of vLLM, SGLang and llama.cpp; the use of the KV cache is a share, from 0 to 1."""

_OTHERS = ("python_", "process_", "go_")
"""Beginnings of series that tell of the server's language and not of its work."""

_PARTS = ("_bucket", "_created")
"""Ends of series that only make others up."""


class Reading(NamedTuple):
    """The value of one series at one instant.

    Attributes:
        time_ns: in the middle between question and answer, on the scale of ``now_ns``.
        took_ns: time between question and answer.
        series: the server's name of it; the values of several labels are added up.
        meaning: ``running``, ``waiting`` or ``kv_use``; empty if it is none of them.
        value: of the series.
    """

    time_ns: int
    took_ns: int
    series: str
    meaning: str
    value: float


def readings(scrapes: Sequence[Scrape]) -> list[Reading]:
    """Return the series of known meaning, and those whose value changed, at each scrape.

    Raises:
        EndpointError: a text is not in the Prometheus format.
        MissingPackageError: ``prometheus_client`` is not installed.
    """
    values = [each.values() for each in scrapes]
    shown = set(_shown(values))
    return [
        Reading(each.middle_ns, each.answered_ns - each.asked_ns, name, meaning_of(name), value)
        for each, of in zip(scrapes, values, strict=True)
        for name, value in of.items()
        if name in shown
    ]


def meaning_of(series: str) -> str:
    """Return what a series is a reading of; empty if unknown."""
    return _MEANINGS.get(series, "")


def _shown(values: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for name in dict.fromkeys(name for of in values for name in of):
        is_part = name.endswith(_PARTS) or name.startswith(_OTHERS)
        if meaning_of(name) or (not is_part and len({of.get(name) for of in values}) > 1):
            yield name

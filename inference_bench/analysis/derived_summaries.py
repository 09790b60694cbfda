"""Summaries of derived metrics, computed from those of the sampled ones. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from inference_bench.metrics import METRICS, get_metric
from inference_bench.result import Mode, Summary
from inference_bench.units import NS_PER_S


def derived_summaries(summaries: Iterable[Summary], scales: Mapping[str, float]) -> tuple[Summary, ...]:
    """Return the derived metrics that these summaries allow.

    Args:
        summaries: of sampled metrics; one with a duration that is not positive has no rate and is skipped.
        scales: tokens per duration, by tag of the derived metric, such as
            ``{"prefill_rate": input_length, "decode_rate": 1}``.
    """
    return tuple(
        derived_summary(tag, base, scales[tag])
        for base in summaries
        for tag, metric in METRICS.items()
        if metric.derived_from == base.metric and tag in scales and base.minimum > 0
    )


def derived_summary(tag: str, base: Summary, scale: float) -> Summary:
    """Return the summary of a rate, ``scale`` tokens over each of the base's durations.

    A rate falls as the duration rises, so ends swap: the fastest sample gives the largest rate. Only p50 is carried
    over: a rate's p90 would be the duration's p10, which is not the slow tail. The mean is tokens over total time, the
    harmonic mean of the rates.

    Raises:
        ValueError: the metric is not derived from the base's, or a duration is not positive.
    """
    if get_metric(tag).derived_from != base.metric:
        raise ValueError(f"{tag} is derived from {get_metric(tag).derived_from}, not from {base.metric}")
    if base.minimum <= 0:
        raise ValueError(f"{tag} needs positive durations, and the smallest {base.metric} is {base.minimum}")

    def rate(duration: float | None) -> float | None:
        return scale * NS_PER_S / duration if duration is not None and duration > 0 else None

    p50 = base.quantiles["p50"]
    return replace(
        base,
        metric=tag,
        cold=rate(base.cold),
        minimum=scale * NS_PER_S / base.maximum,
        maximum=scale * NS_PER_S / base.minimum,
        mean=scale * NS_PER_S / base.mean,
        modes=tuple(Mode(scale * NS_PER_S / mode.value, mode.share) for mode in reversed(base.modes)),
        quantiles={"p50": replace(p50, value=rate(p50.value), low=rate(p50.high), high=rate(p50.low))},
    )

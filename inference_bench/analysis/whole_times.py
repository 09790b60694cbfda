"""One time for all that a process measured: what a search compares set-ups by. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from inference_bench.analysis.observations import Observations, Process, Side
from inference_bench.plan import Case

TIMES = ("ttft", "itl", "call_time", "forward_time")
"""Metrics that a whole time is made of."""


def whole_times(side: Side, new_tokens: Sequence[int] = ()) -> list[float]:
    """Return the whole time of each process that measured all cases, nanoseconds, in the order of the processes.

    The whole time of a case is that of a generation, TTFT + (new tokens - 1) × ITL, or that of a call or a forward
    pass. That of several cases is their geometric mean, so that the longest does not decide alone.

    Args:
        side: what was observed, with the metrics ``TIMES``.
        new_tokens: a generation stands for ones of so many tokens each, by the same formula; empty for its own length.
    """
    cases: dict[str, list[Observations]] = {}
    for observed in side.observations:
        cases.setdefault(observed.case.id, []).append(observed)
    of_cases = [_times_of_case(of[0].case, of, new_tokens) for of in cases.values()]
    if not of_cases or side.failures:
        return []
    common = set.intersection(*(set(of) for of in of_cases))
    return [_geometric_mean([of[process] for of in of_cases]) for process in sorted(common)]


def _times_of_case(case: Case, observed: Sequence[Observations], new_tokens: Sequence[int]) -> Mapping[Process, float]:
    values = {of.metric: of.values for of in observed}
    first, later = values.get("ttft"), values.get("itl", {})
    if first is None:
        return next(iter(values.values()))
    own = case.parameters.get("new_tokens", 1)
    steps = [tokens - 1 for tokens in new_tokens or (own,) if isinstance(tokens, int)]
    if not any(steps):
        return first
    return {
        process: _geometric_mean([time + count * later[process] for count in steps])
        for process, time in first.items()
        if process in later
    }


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))

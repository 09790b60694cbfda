"""What another kernel of attention may bring."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.change import Change, Prediction
from inference_bench.analysis.advice.intervals import as_percent, between
from inference_bench.analysis.advice.missing import MissingFactError
from inference_bench.analysis.advice.possible import Possible

_KEPT, _FUSED = "eager", "sdpa"


def fused_attention(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Attention in one kernel, which keeps no scores, where the run asked for one that does.

    Both do the same arithmetic on the same keys and values; eager attention also writes and reads the scores of all
    pairs of positions (Dao et al. 2022). So T'/T is at most 1, and at least the larger of MBU and MFU: the rest of the
    step is all that the scores can have taken. How much they did take, neither the demands nor the ceilings tell.
    """
    if facts.setup.attention == _KEPT:
        problem = "" if possible.fuses_attention else "this engine has one kind of attention"
        yield Change(f"attention={_KEPT}", f"attention={_FUSED}", partial(_without_scores, facts), problem=problem)


def _without_scores(facts: CaseFacts) -> Prediction:
    explained = min(1.0, max(facts.memory_share().low, _compute_share(facts)))
    most = as_percent(between(0.0, 1 - explained))
    how = f"the scores of attention take what neither bytes nor arithmetic explain, or a part of that: {most}"
    return Prediction(between(explained, 1.0), how)


def _compute_share(facts: CaseFacts) -> float:
    """Return the least share of the step's arithmetic, or nothing where the matmul rate is unknown."""
    try:
        return facts.compute_share().low
    except MissingFactError:
        return 0.0

"""The objectives of a case as lines below its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Cell, Tone
from inference_bench.result import SloOutcome
from inference_bench.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.result import BenchmarkResult, SloJudgement, SloVerdict

SLO_TONES = {SloOutcome.PASS: Tone.GOOD, SloOutcome.FAIL: Tone.ALARM, SloOutcome.OPEN: Tone.WARNING}


def slo_lines(results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    """Yield a line per objective of each case, and one with its goodput; nothing for a case without objectives."""
    judged = [(result, result.slo) for result in results if result.slo]
    places = Places([result for result, _ in judged])
    is_one_set_up = len({(result.case.model, result.case.setup) for result, _ in judged}) == 1
    name = places.point if is_one_set_up else places.curve
    for result, slo in judged:
        where = f"{name(result.case)}: " if len(judged) > 1 else ""
        for verdict in slo.verdicts:
            yield Cell(f"{where}{verdict.outcome} {verdict.slo}: {evidence(verdict)}", SLO_TONES[verdict.outcome])
        yield Cell(f"{where}{_goodput(slo)}", Tone.WARNING if slo.growth else Tone.PLAIN)


def evidence(verdict: SloVerdict) -> str:
    """Return the quantile, the share of good requests, and its bound."""
    value = "" if verdict.value_ns is None else f"{format_ns(verdict.value_ns)}, "
    counts = f"{verdict.good:,} of {verdict.requests:,} requests good"
    if verdict.reason:
        return f"{value}{counts}; {verdict.reason}"
    is_bad = verdict.outcome is SloOutcome.FAIL
    bound = f"at most {100 * verdict.most:.4g}" if is_bad else f"at least {100 * verdict.least:.4g}"
    return f"{value}{counts}: {bound} % of all, {100 * verdict.asked:.10g} % asked for"


def _goodput(judgement: SloJudgement) -> str:
    found = judgement.goodput
    ends = "" if found.low is None or found.high is None else f" [{found.low:.3g}, {found.high:.3g}]"
    growth = f"; {judgement.growth}" if judgement.growth else ""
    return f"goodput {found.value:.3g}{ends} requests/s{growth}"

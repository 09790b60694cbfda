"""How far the cases of one set-up use the machine, as one line below its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.machine_use import MachineUse, machine_uses, with_shares
from inference_bench.metrics import noun_of, title_of, unit_of
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.ceilings_remarks import busy_remark
from inference_bench.reports._pages.document import Cell, Tone
from inference_bench.reports._pages.numbers import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.result import BenchmarkResult, Summary

    Found = tuple[BenchmarkResult, MachineUse]


def machine_lines(results: Sequence[BenchmarkResult], ceilings: Ceilings | None = None) -> Iterator[Cell]:
    """Yield one line: each rate where it is highest, with its share of the ceiling; nothing without rates.

    Args:
        results: the cases of one set-up.
        ceilings: of its device; None if they are unknown.
    """
    highest = _highest(results, ceilings)
    if not highest:
        return
    places = Places(results)
    parts = [_words(use) + (f" ({places.point(result.case)})" if len(results) > 1 else "") for result, use in highest]
    of_cases = ", where it is highest" if len(results) > 1 else ""
    yield Cell(f"use of the machine{of_cases}: {' · '.join(parts)}", Tone.QUIET)
    yield from _remarks([use for _, use in highest], ceilings)


def _remarks(uses: Sequence[MachineUse], ceilings: Ceilings | None) -> Iterator[Cell]:
    if any(use.is_cached for use in uses):
        yield Cell("MBU above 1: a part of what a step reads lies in a cache, not in memory", Tone.QUIET)
    remark = "" if ceilings is None else busy_remark(ceilings)
    if remark and any(use.share for use in uses):
        yield Cell(remark, Tone.WARNING)


def _highest(results: Sequence[BenchmarkResult], ceilings: Ceilings | None) -> list[Found]:
    """Return the case with the highest value of each rate."""
    found: dict[str, Found] = {}
    for result in results:
        for use in machine_uses(with_shares(result, ceilings)):
            tag, value = use.rate.metric, use.rate.headline.value or 0.0
            if tag not in found or value > (found[tag][1].rate.headline.value or 0.0):
                found[tag] = result, use
    return list(found.values())


def _words(use: MachineUse) -> str:
    numbers, rate = numbers_of(use.rate, unit_of(use.rate.metric)), use.rate.headline
    interval = "" if rate.low is None else f"{numbers.interval(rate)} "
    figure = f"{title_of(use.rate.metric)} {numbers.text(rate.value)} {interval}{numbers.unit}"
    return figure if use.share is None else f"{figure}, {noun_of(use.share.metric)} {_percent(use.share)}"


def _percent(share: Summary) -> str:
    of = share.headline
    numbers = ["–" if each is None else f"{100 * each:.0f}" for each in (of.value, of.low, of.high)]
    return f"{numbers[0]} %" if of.low is None else "{} [{}, {}] %".format(*numbers)

"""Advice on a run: each of its cases judged by the table of rules. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inference_bench.analysis.advice.advice import Advice, CaseAdvice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.result import BenchmarkResult, RunRecord


class MeasuredRun(Protocol):
    """The part of a run that advice needs, such as ``results.run.Run``."""

    @property
    def record(self) -> RunRecord:
        """How the cases were measured."""

    @property
    def results(self) -> Sequence[BenchmarkResult]:
        """The cases that ended."""


def advise(run: MeasuredRun, ceilings: Ceilings | None) -> Advice:
    """Return what can be said of each case of a run.

    Args:
        run: that was measured.
        ceilings: of the machine and the kind of device that it was measured on; None if unknown.
    """
    fingerprint = str(run.record.environment.get("fingerprint", ""))
    cases = tuple(CaseAdvice(result.case) for result in run.results)
    return Advice(run.record.id, fingerprint, ceilings.measured_utc if ceilings else "", cases)

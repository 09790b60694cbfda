"""Whether the cases of two sides that ran in different engines did the same work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inference_bench.analysis.equal_work import unequal_work
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult
from inference_bench.spec import Setup

_Key = tuple[str, Setup]


class UnequalWork:
    """Compares the work of two sides, set-up by set-up.

    Args:
        before: results of A.
        after: results of B.
    """

    def __init__(self, before: Sequence[BenchmarkResult], after: Sequence[BenchmarkResult]) -> None:
        self._before, self._after = _by_key(before), _by_key(after)
        self._known: dict[tuple[_Key, _Key], tuple[str, ...]] = {}

    def reasons(self, before: Case, after: Case) -> tuple[str, ...]:
        """Return why the work of a case of A and one of B was not the same, as ``unequal_work`` does."""
        keys = (before.model, before.setup), (after.model, after.setup)
        if keys not in self._known:
            self._known[keys] = unequal_work(self._before.get(keys[0], ()), self._after.get(keys[1], ()))
        return self._known[keys]


def _by_key(results: Sequence[BenchmarkResult]) -> Mapping[_Key, list[BenchmarkResult]]:
    found: dict[_Key, list[BenchmarkResult]] = {}
    for result in results:
        found.setdefault((result.case.model, result.case.setup), []).append(result)
    return found

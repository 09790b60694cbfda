"""Names of a run's cases, as short as they can be told apart."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult

_SHOWN = 3
"""Cases that a sentence names before it counts the rest."""


class Places:
    """Names cases in sentences: what all of them share (a lone model, its setup) goes without saying."""

    def __init__(self, results: Sequence[BenchmarkResult]) -> None:
        self._cases = [result.case for result in results]
        setups = [asdict(case.setup) for case in self._cases]
        self._has_several_models = len({case.model for case in self._cases}) > 1
        self._values: dict[tuple[object, ...], dict[str, set[object]]] = {}
        for case in self._cases:
            values = self._values.setdefault((case.model, case.setup, case.benchmark), {})
            for name, value in case.parameters.items():
                values.setdefault(name, set()).add(value)
        self._varying = [name for name in (setups[0] if setups else ()) if len({setup[name] for setup in setups}) > 1]

    def name(self, case: Case) -> str:
        """Name one case."""
        model = [case.model] if self._has_several_models else []
        parameters = " × ".join(str(value) for value in case.parameters.values())
        return " ".join(filter(None, [*model, *self._setup(case), case.benchmark.replace("_", " "), parameters]))

    def curve(self, case: Case, axis: str = "") -> str:
        """Name a curve along an axis, or a point: its model, and what else tells it from the model's others."""
        return " ".join((case.model, *self._setup(case), *self._parameters(case, axis)))

    def point(self, case: Case) -> str:
        """Name one of the cases that a model has in a benchmark; a lone one is named like a curve."""
        return ", ".join(self._parameters(case)) or self.curve(case)

    def _setup(self, case: Case) -> list[str]:
        return [f"{name} {getattr(case.setup, name)}" for name in self._varying]

    def _parameters(self, case: Case, axis: str = "") -> list[str]:
        """Return the parameters, but for an axis, in which the cases of this model, set-up and benchmark differ."""
        values = self._values[case.model, case.setup, case.benchmark]
        differing = (item for item in case.parameters.items() if item[0] != axis and len(values[item[0]]) > 1)
        return [f"{name.replace('_', ' ')} {value}" for name, value in differing]

    def names(self, cases: Iterable[Case]) -> str:
        """Name several cases, the first few in full; nothing where it would be all of them."""
        names = list(dict.fromkeys(self.name(case) for case in cases))
        if len(names) == len(self._cases):
            return ""
        return first_few(names)


def first_few(names: Sequence[str]) -> str:
    """Join the first of several names, and count the rest."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more

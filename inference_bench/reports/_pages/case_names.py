"""The shortest names that distinguish the cases of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from inference_bench.reports._pages.parameters import parameter_words
from inference_bench.results.engine_names import own_engines
from inference_bench.spec import OWN_ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult

_SHOWN = 3
"""Cases that a sentence names; it counts the others."""


class Places:
    """Names cases in sentences, without what all cases share, such as a single model or set-up."""

    def __init__(self, results: Sequence[BenchmarkResult]) -> None:
        self._cases = [result.case for result in results]
        setups = [asdict(case.setup) for case in self._cases]
        self._own_engines = own_engines(results)
        self._has_several_models = len({case.model for case in self._cases}) > 1
        self._values: dict[tuple[object, ...], dict[str, set[object]]] = {}
        for case in self._cases:
            values = self._values.setdefault((case.model, case.setup, case.benchmark), {})
            for name, value in case.parameters.items():
                values.setdefault(name, set()).add(value)
        self._varying = [name for name in (setups[0] if setups else ()) if len({setup[name] for setup in setups}) > 1]

    def name(self, case: Case) -> str:
        """Return the name of one case."""
        model = [case.model] if self._has_several_models else []
        words = " ".join((*model, *self._setup(case), case.benchmark.replace("_", " ")))
        return ", ".join((words, *self._parameters(case)))

    def curve(self, case: Case, axis: str = "") -> str:
        """Return the name of a curve along an axis, or of a point: its model, and what distinguishes it."""
        return " ".join((case.model, *self._setup(case), *self._parameters(case, axis)))

    def point(self, case: Case) -> str:
        """Return the name of one of a model's cases in a benchmark; a single one is named like a curve."""
        return ", ".join(self._parameters(case)) or self.curve(case)

    def _setup(self, case: Case) -> list[str]:
        return [f"{name} {self._value(case, name)}" for name in self._varying]

    def _value(self, case: Case, name: str) -> object:
        value = getattr(case.setup, name)
        return self._own_engines.get(case.model, value) if (name, value) == ("engine", OWN_ENGINE) else value

    def _parameters(self, case: Case, axis: str = "") -> list[str]:
        """Return the parameters, except an axis, in which the cases of this model, set-up and benchmark differ."""
        values = self._values[case.model, case.setup, case.benchmark]
        differing = (item for item in case.parameters.items() if item[0] != axis and len(values[item[0]]) > 1)
        return [parameter_words(name, value) for name, value in differing]

    def names(self, cases: Iterable[Case]) -> str:
        """Return the names of several cases, the first few in full; empty if they are all cases."""
        names = list(dict.fromkeys(self.name(case) for case in cases))
        if len(names) == len(self._cases):
            return ""
        return first_few(names)


def first_few(names: Sequence[str]) -> str:
    """Return the first of several names, and the number of the others."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more

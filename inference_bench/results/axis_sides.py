"""Sides of a comparison from the values of one axis: the results of a run, or of several, split by dtype, threads …"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from inference_bench.analysis.matching import fields_of
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.plan import Case
from inference_bench.results.engine_names import own_engines
from inference_bench.results.run import Run
from inference_bench.results.run_comparison import RunSide
from inference_bench.spec import OWN_ENGINE
from inference_bench.units import counted

_PARAMETER = "axis "
"""How ``fields_of`` marks the parameters of benchmarks."""
_NO_AXES = ("benchmark", "seed")


@dataclass(frozen=True, slots=True)
class AxisSides:
    """What an axis is compared by.

    Attributes:
        field: the axis, as ``matching.fields_of`` names it.
        sides: one per value, the baseline first.
        in_rounds: whether each run measured every value, so that a slow drift affects all of them.
    """

    field: str
    sides: tuple[RunSide, ...]
    in_rounds: bool


def split_by_axis(
    runs: Sequence[Run], axis: str, baseline: str | None = None, problem: Callable[[str], None] = lambda _: None
) -> AxisSides:
    """Split the results of runs by the values of an axis.

    Args:
        runs: whose results are split; all of them together.
        axis: a field of set-ups, ``model``, or a parameter of a benchmark.
        baseline: the value that the others are compared with, as text; the first measured if None.
        problem: called with a line on cases that do not have the axis.

    Raises:
        UnknownNameError: no case has the axis.
        UsageError: it has one value only, or not that of the baseline.
    """
    cases = [result.case for run in runs for result in run.results]
    field = _field_of(axis, cases)
    values = list(dict.fromkeys(of[field] for of in map(fields_of, cases) if field in of))
    if len(values) == 1:
        raise UsageError(
            f"--by {axis}: every case has {values[0]!r}, expected two values or more. {_advice(_varying(cases))}"
        )
    shown = _Shown(field, runs)
    first = values[0] if baseline is None else _value_of(baseline, axis, values, shown)
    _tell_of_others(axis, [case for case in cases if field not in fields_of(case)], problem)
    ordered = [first, *(value for value in values if value != first)]
    sides = tuple(RunSide(f"{axis}={shown.name(value)}", tuple(_with_value(runs, field, value))) for value in ordered)
    folders = [[run.folder for run in side.runs] for side in sides]
    return AxisSides(field, sides, in_rounds=all(of == folders[0] for of in folders))


def _field_of(axis: str, cases: Iterable[Case]) -> str:
    """Return the field of an axis: that of a set-up and the model stand for themselves."""
    cases = list(cases)
    known = {name for case in cases for name in fields_of(case)}.difference(_NO_AXES)
    field = axis if axis in known else f"{_PARAMETER}{axis}"
    if field not in known:
        varying = _varying(cases)
        raise UnknownNameError("axis", axis, varying or {name.removeprefix(_PARAMETER) for name in known})
    return field


def _varying(cases: Iterable[Case]) -> Mapping[str, list[object]]:
    """Return the axes that have several values, with these."""
    found: dict[str, dict[object, None]] = {}
    for case in cases:
        for name, value in fields_of(case).items():
            found.setdefault(name, {})[value] = None
    several = {name: list(values) for name, values in found.items() if len(values) > 1 and name not in _NO_AXES}
    return {name.removeprefix(_PARAMETER): values for name, values in several.items()}


def _advice(varying: Mapping[str, list[object]]) -> str:
    if not varying:
        return "No axis has several; `run --dtype float32,bfloat16` gives one two."
    listed = "; ".join(f"{name} ({', '.join(map(str, values))})" for name, values in varying.items())
    return f"With several values: {listed}."


class _Shown:
    """The names of an axis's values: the engine of a model's own class goes by its name, where all models have one."""

    def __init__(self, field: str, runs: Iterable[Run]) -> None:
        engines = {name for run in runs for name in own_engines(run.results).values()}
        self._own = engines.pop() if field == "engine" and len(engines) == 1 else None

    def name(self, value: object) -> str:
        """Return the name of a value."""
        return self._own if self._own is not None and value == OWN_ENGINE else str(value)


def _value_of(text: str, axis: str, values: Sequence[object], shown: _Shown) -> object:
    wanted = text.removeprefix(f"{axis}=")
    for value in values:
        if wanted in (str(value), shown.name(value)):
            return value
    raise InvalidValueError("--baseline", text, f"a value that {axis} has here: {', '.join(map(shown.name, values))}")


def _tell_of_others(axis: str, others: Sequence[Case], problem: Callable[[str], None]) -> None:
    if others:
        names = ", ".join(dict.fromkeys(case.benchmark for case in others))
        problem(f"not compared: {counted(len({case.id for case in others}), 'case')} of {names} without {axis}")


def _with_value(runs: Iterable[Run], field: str, value: object) -> Iterable[Run]:
    """Yield the runs that measured a value, each with its results only."""
    for run in runs:
        kept = tuple(result for result in run.results if fields_of(result.case).get(field) == value)
        if kept:
            yield replace(run, results=kept)

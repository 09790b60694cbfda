"""The ordered cases of a spec, grouped by the worker that measures them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import groupby, product
from typing import Protocol

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.spec import Axis, Limits, Setup, Spec

NO_MODEL = "null"
"""The model of the cases whose benchmark needs none: it loads nothing and does nothing."""


class BenchmarkInfo(Protocol):
    """The properties of a benchmark that planning needs."""

    @property
    def name(self) -> str:
        """The benchmark's name."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The benchmark's parameters."""

    @property
    def own_process(self) -> bool:
        """Whether each of its cases needs a worker of its own."""

    @property
    def processes(self) -> int:
        """Fewest fresh processes per case."""

    @property
    def needs_model(self) -> bool:
        """Whether it measures a model; one that does not is measured once, whatever models are named."""

    @property
    def repeats(self) -> bool:
        """Whether a second process can give a different result."""


_SETUP_FIELDS = tuple(each.name for each in fields(Setup))
_PLAIN = Setup()
_ADDED = ("engine",)
"""Fields that runs were written without: their default is no part of a case's digest, which stays what it was."""


@dataclass(frozen=True)
class Case:
    """One point of the product: model × benchmark × setup × parameters."""

    model: str
    benchmark: str
    setup: Setup
    parameters: Mapping[str, int | str] = field(default_factory=dict)

    @cached_property
    def slug(self) -> str:
        """The name of the case, safe in a file name; unique within a plan."""
        parameters = [f"{name}={value}" for name, value in self.parameters.items()]
        setup, plain = self.setup, _PLAIN
        words = [self.model, self.benchmark, setup.device, setup.dtype, f"threads={setup.threads}"]
        words += [
            f"{name}={getattr(setup, name)}"
            for name in ("attention", "compile", "engine")
            if getattr(setup, name) != getattr(plain, name)
        ]
        text = "-".join(words + parameters)
        return "".join(c if c.isalnum() or c in "-_=." else "_" for c in text)

    @cached_property
    def id(self) -> str:
        """Twelve hex digits of a digest over everything that defines the case; equal across runs and machines."""
        setup = (str(getattr(self.setup, name)) for name in _SETUP_FIELDS if name not in _ADDED or self._has(name))
        words = [self.model, self.benchmark, *setup, *map(repr, self.parameters.items())]
        return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def _has(self, name: str) -> bool:
        """Return whether a field of the set-up has another value than by default."""
        return bool(getattr(self.setup, name) != getattr(_PLAIN, name))

    def integer(self, name: str) -> int:
        """Return an integer parameter.

        Raises:
            UnknownNameError: the case has no such parameter.
            InvalidValueError: it is no whole number.
        """
        if name not in self.parameters:
            raise UnknownNameError("parameter", name, self.parameters)
        value = self.parameters[name]
        if not isinstance(value, int):
            raise InvalidValueError(name, value, "a whole number")
        return value


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that share one worker process: one load of one model. A benchmark with ``own_process`` never shares."""

    model: str
    setup: Setup
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered cases of a spec.

    Attributes:
        cases: in the order of measuring.
        groups: the same cases, grouped by the worker that they share.
        runs: case id → fresh processes that measure it, at most.
        least_runs: case id → processes after which it may end.
        limits: when to stop sampling a case.
    """

    cases: tuple[Case, ...]
    groups: tuple[Group, ...]
    runs: Mapping[str, int]
    least_runs: Mapping[str, int]
    limits: Limits

    @property
    def measurements(self) -> int:
        """The largest number of measurements: every case times its runs."""
        return sum(self.runs.values())

    def worker_runs(self) -> Iterator[tuple[int, Group]]:
        """Yield each worker to start, with its run number and the cases that take part in it.

        Runs are the outer loop, so that slow drift of the machine affects all cases alike.
        """
        for run in range(max(self.runs.values())):
            for group in self.groups:
                cases = tuple(case for case in group.cases if run < self.runs[case.id])
                if cases:
                    yield run, replace(group, cases=cases)


def make_plan(
    spec: Spec,
    benchmarks: Mapping[str, Sequence[BenchmarkInfo]],
    measured_name: Callable[[str, Setup], str] = lambda model, _: model,
    setups_of: Callable[[str], Sequence[Setup]] | None = None,
) -> Plan:
    """Expand a spec into ordered cases.

    Args:
        spec: what was asked for.
        benchmarks: for each of the spec's models, its benchmarks in the order of measuring.
        measured_name: returns the name that a model's figures go under with a set-up.
        setups_of: returns the set-ups of a model; those of the spec if None.

    Raises:
        UnknownNameError: an axis that none of the benchmarks has.
        InvalidValueError: a value that its axis does not allow.
    """
    _check_axes(spec, [benchmark for of_model in benchmarks.values() for benchmark in of_model])
    found = [
        (Case(measured_name(model, setup), benchmark.name, setup, parameters), benchmark)
        for model in spec.models
        for setup in (spec.setups if setups_of is None else setups_of(model))
        for benchmark in benchmarks[model]
        if benchmark.needs_model
        for parameters in _points(benchmark.axes, spec.axes)
    ]
    found += _without_model(spec, benchmarks)
    cases = tuple(case for case, _ in found)
    alone = {case.id for case, benchmark in found if benchmark.own_process}

    def processes(wanted: int) -> dict[str, int]:
        return {case.id: max(wanted if of.repeats else 1, of.processes) for case, of in found}

    return Plan(
        cases=cases,
        groups=tuple(_groups(cases, alone)),
        runs=processes(spec.runs),
        least_runs=processes(spec.least_runs or spec.runs),
        limits=spec.limits,
    )


def _without_model(
    spec: Spec, benchmarks: Mapping[str, Sequence[BenchmarkInfo]]
) -> Iterator[tuple[Case, BenchmarkInfo]]:
    """Yield the cases of the benchmarks that need no model: of a setup only threads and seed concern them."""
    alone = {of.name: of for model in spec.models for of in benchmarks[model] if not of.needs_model}
    for setup in dict.fromkeys(Setup(threads=setup.threads, seed=setup.seed) for setup in spec.setups):
        for benchmark in alone.values():
            for parameters in _points(benchmark.axes, spec.axes):
                yield Case(NO_MODEL, benchmark.name, setup, parameters), benchmark


def _points(axes: Sequence[Axis], given: Mapping[str, tuple[int | str, ...]]) -> Iterator[dict[str, int | str]]:
    names = [axis.name for axis in axes]
    for values in product(*(given.get(axis.name, axis.default) for axis in axes)):
        yield dict(zip(names, values, strict=True))


def _groups(cases: Sequence[Case], alone: set[str]) -> Iterator[Group]:
    def worker(case: Case) -> tuple[str, Setup, str]:
        return case.model, case.setup, case.id if case.id in alone else ""

    for (model, setup, _), members in groupby(cases, key=worker):
        yield Group(model, setup, tuple(members))


def _check_axes(spec: Spec, benchmarks: Sequence[BenchmarkInfo]) -> None:
    known = {axis.name: axis for benchmark in benchmarks for axis in benchmark.axes}
    for name, values in spec.axes.items():
        if name not in known:
            raise UnknownNameError("axis", name, known)
        axis = known[name]
        label = name.replace("_", " ")
        if not values:
            raise InvalidValueError(label, "nothing", "at least one value")
        if len(set(values)) < len(values):
            raise InvalidValueError(label, ",".join(map(str, values)), "each value once")
        for value in values:
            if isinstance(axis.default[0], int) and (not isinstance(value, int) or value < axis.minimum):
                raise InvalidValueError(label, value, f"a whole number of at least {axis.minimum}")

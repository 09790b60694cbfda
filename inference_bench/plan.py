"""The ordered cases of a spec, grouped by the worker that measures them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import groupby, product
from typing import Protocol

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.spec import Axis, Limits, Setup, Spec


class BenchmarkInfo(Protocol):
    """What planning needs to know of a benchmark."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its parameters."""

    @property
    def own_process(self) -> bool:
        """Whether each of its cases needs a worker to itself."""


@dataclass(frozen=True, slots=True)
class Case:
    """One point of the product: model × benchmark × setup × parameters."""

    model: str
    benchmark: str
    setup: Setup
    parameters: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """File-name-safe text that names the case; unique within a plan."""
        parameters = [f"{name}={value}" for name, value in self.parameters.items()]
        words = [self.model, self.benchmark, self.setup.device, self.setup.dtype, f"threads={self.setup.threads}"]
        text = "-".join(words + parameters)
        return "".join(c if c.isalnum() or c in "-_=." else "_" for c in text)

    @property
    def id(self) -> str:
        """Twelve hex digits of a digest over everything that defines the case; equal across runs and machines."""
        fields = [self.model, self.benchmark, *map(str, astuple(self.setup)), *map(repr, self.parameters.items())]
        return hashlib.sha256("\0".join(fields).encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def integer(self, name: str) -> int:
        """Return an integer parameter."""
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
    """The ordered cases of a spec."""

    cases: tuple[Case, ...]
    groups: tuple[Group, ...]
    runs: int
    limits: Limits

    def worker_runs(self) -> Iterator[tuple[int, Group]]:
        """Yield each worker to start, with its run number.

        Runs are the outer loop, so that slow drift of the machine falls on all cases alike.
        """
        for run in range(self.runs):
            for group in self.groups:
                yield run, group


def make_plan(spec: Spec, benchmarks: Sequence[BenchmarkInfo]) -> Plan:
    """Expand a spec into ordered cases.

    Args:
        spec: what was asked for.
        benchmarks: the spec's benchmarks, in its order.

    Raises:
        UnknownNameError: an axis that none of the benchmarks has.
        InvalidValueError: a value that its axis does not allow.
    """
    _check_axes(spec, benchmarks)
    cases = tuple(
        Case(model, benchmark.name, setup, parameters)
        for model in spec.models
        for setup in spec.setups
        for benchmark in benchmarks
        for parameters in _points(benchmark.axes, spec.axes)
    )
    alone = {benchmark.name for benchmark in benchmarks if benchmark.own_process}
    return Plan(cases=cases, groups=tuple(_groups(cases, alone)), runs=spec.runs, limits=spec.limits)


def _points(axes: Sequence[Axis], given: Mapping[str, tuple[int | str, ...]]) -> Iterator[dict[str, int | str]]:
    names = [axis.name for axis in axes]
    for values in product(*(given.get(axis.name, axis.default) for axis in axes)):
        yield dict(zip(names, values, strict=True))


def _groups(cases: Sequence[Case], alone: set[str]) -> Iterator[Group]:
    def worker(case: Case) -> tuple[str, Setup, str]:
        return case.model, case.setup, case.id if case.benchmark in alone else ""

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

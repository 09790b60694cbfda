"""A way of measuring that yields samples for some metrics.

A benchmark lives in ``inference_bench/benchmarks/<name>.py`` as one subclass of ``Benchmark``. The file imports no
framework: what it measures, it reaches through the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import UnknownNameError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class Benchmark(ABC):
    """A way of measuring.

    Class attributes:
        name: file name, set when it is found.
        title: heading for people.
        axes: parameters with their default values.
        targets: tags of the metrics that the stopping rule watches.
        headline: tags of the metrics that reports show first, in order, and that the summary of models has as columns.
        suites: those of ``spec.SUITES`` that it belongs to.
        own_process: True if the cases need a worker to themselves, from before the load on (a memory pass).
        processes: fresh processes that a case takes at least, for what can be seen only once in each.
        repeats: False if a second process could only find the same again (an accuracy).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    axes: ClassVar[tuple[Axis, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    headline: ClassVar[tuple[str, ...]] = ()
    suites: ClassVar[tuple[str, ...]] = ("performance", "full")
    own_process: ClassVar[bool] = False
    processes: ClassVar[int] = 1
    repeats: ClassVar[bool] = True

    @classmethod
    def with_axes(cls, **values: tuple[int | str, ...]) -> tuple[Axis, ...]:
        """Return this benchmark's axes with other defaults: what a model's own file says of its lengths and sizes.

        Raises:
            UnknownNameError: no such axis.
        """
        known = [axis.name for axis in cls.axes]
        for name in values:
            if name not in known:
                raise UnknownNameError(f"axis of {cls.__name__}", name, known)
        return tuple(replace(axis, default=values.get(axis.name, axis.default)) for axis in cls.axes)

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes as they apply to a model: a default that it could not carry out is none for it."""
        return cls.axes

    def check(self, model: type[Model], case: Case) -> None:  # noqa: B027 (most benchmarks accept every case)
        """Refuse, before anything is loaded, a case that the model cannot carry out.

        Raises:
            InvalidValueError: a parameter beyond the model's limits.
            NotApplicableError: the benchmark does not apply to this model.
        """

    def is_hopeless(self, case: Case, after: Case) -> bool:
        """Whether a case need not be tried once another of its model, set-up and benchmark ran out of memory."""
        return False

    def before_load(  # noqa: B027 (only passes over the load need it)
        self, case: Case, measurement: Measurement
    ) -> None:
        """Prepare in the worker before the model loads; only called if ``own_process``."""

    @abstractmethod
    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Measure the loaded model and record samples."""

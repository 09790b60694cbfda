"""The interface of a benchmark, which measures a model and yields samples for some metrics.

A benchmark is one subclass of ``Benchmark`` in ``inference_bench/benchmarks/<name>.py``. The file imports no framework
and uses the model's interface only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from inference_bench.errors import UnknownNameError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.breakdown.step_sequence import StepSequence
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class Benchmark(ABC):
    """A way of measuring.

    Class attributes:
        name: file name, set on discovery.
        title: heading in reports.
        axes: parameters with their default values.
        targets: tags of the metrics that the stopping rule watches.
        headline: tags of the metrics that reports show first, in order, and the rows of set-ups side by side.
        suites: the suites of ``spec.SUITES`` that it belongs to.
        own_process: True if each case needs its own worker from before the load (a memory pass).
        processes: fewest processes per case, for what happens only once per process.
        needs_model: False if it measures no model: it is then measured once, with none loaded.
        repeats: False if another process would give the same result (an accuracy).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    axes: ClassVar[tuple[Axis, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    headline: ClassVar[tuple[str, ...]] = ()
    suites: ClassVar[tuple[str, ...]] = ("performance", "full")
    own_process: ClassVar[bool] = False
    processes: ClassVar[int] = 1
    needs_model: ClassVar[bool] = True
    repeats: ClassVar[bool] = True

    @classmethod
    def with_axes(cls, **values: tuple[int | str, ...]) -> tuple[Axis, ...]:
        """Return this benchmark's axes with other defaults.

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
        """Return the axes for a model, without defaults that it does not support."""
        return cls.axes

    def check(self, model: type[Model], case: Case) -> None:  # noqa: B027 (most benchmarks accept every case)
        """Refuse a case that the model does not support, before anything is loaded.

        Raises:
            InvalidValueError: a parameter beyond the model's limits.
            NotApplicableError: the benchmark does not apply to this model.
        """

    def is_hopeless(self, case: Case, after: Case) -> bool:
        """Return whether a case can be skipped because ``after``, of the same model and set-up, ran out of memory."""
        return False

    def before_load(  # noqa: B027 (only passes over the load need it)
        self, case: Case, measurement: Measurement
    ) -> None:
        """Prepare in the worker before the model loads; only called if ``own_process``."""

    def steps(self, model: Model, case: Case) -> StepSequence | None:
        """Return the steps that a breakdown of the case looks into; None if it has none."""
        return None

    @abstractmethod
    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Measure the loaded model and record samples."""

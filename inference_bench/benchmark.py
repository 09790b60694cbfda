"""A way of measuring that yields samples for some metrics.

A benchmark lives in ``inference_bench/benchmarks/<name>.py`` as one subclass of ``Benchmark``. The file imports no
framework: what it measures, it reaches through the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.measurement import Measurement
    from inference_bench.model import Model
    from inference_bench.plan import Case


class Benchmark(ABC):
    """A way of measuring.

    Class attributes:
        name: file name, set by the registry.
        title: heading for people.
        axes: parameters with their default values.
        targets: tags of the metrics that the stopping rule watches.
        headline: tags shown in the console table, in order.
        own_process: True if the cases need a worker to themselves, from before the load on (a memory pass).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    axes: ClassVar[tuple[Axis, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    headline: ClassVar[tuple[str, ...]] = ()
    own_process: ClassVar[bool] = False

    def check(self, model: type[Model], case: Case) -> None:  # noqa: B027 (most benchmarks accept every case)
        """Refuse, before anything is loaded, a case that the model cannot carry out.

        Raises:
            InvalidValueError: a parameter beyond the model's limits.
            NotApplicableError: the benchmark does not apply to this model.
        """

    def before_load(self, measurement: Measurement) -> None:  # noqa: B027 (only passes over the load need it)
        """Prepare in the worker before the model loads; only called if ``own_process``."""

    @abstractmethod
    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Measure the loaded model and record samples."""

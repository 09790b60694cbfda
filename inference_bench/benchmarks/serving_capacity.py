"""The highest rate of requests at which a model meets its objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmarks.serving_load import ServingLoadBenchmark
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.slo import parse_slos
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_SCENARIOS = ("poisson", "constant", "gamma")
"""Those that have a rate, the same from beginning to end."""

_OWN = ("slo", "scenario", "rate", "requests")


class ServingCapacityBenchmark(ServingLoadBenchmark):
    """Find the highest rate at which all objectives are met, by bisection over windows of a serving load.

    A window sends ``requests`` at one rate and waits for all answers. Those of its first fifth settle the queue and are
    not judged. It passes if as many of the others are good as the objectives ask for, and the queue did not grow. Each
    process searches by itself, from another first rate, so the interval over processes contains the step of the search.
    """

    title = "Serving capacity"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("slo", ("none",), help="the objectives, with ' and ' between them; `run --find-capacity --slo` sets it"),
        Axis("scenario", ("poisson",), help="poisson, constant, gamma:2"),
        Axis("rate", ("auto",), help="requests per second of about the first window; auto: half of one stream's rate"),
        Axis("requests", (200,), minimum=20, help="number of requests in a window"),
        *(axis for axis in ServingLoadBenchmark.axes if axis.name not in (*_OWN, "concurrency")),
    )
    headline: ClassVar[tuple[str, ...]] = ("capacity",)
    suites: ClassVar[tuple[str, ...]] = ()

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a case without objectives, a load without a rate, and more tokens than the model supports."""
        scenario, slo = (str(case.parameters[name]) for name in ("scenario", "slo"))
        if slo == "none":
            advice = "Give one: run --find-capacity --slo 'ttft.p99<=300ms'."
            raise InvalidValueError("objective of serving_capacity", slo, "one or more", advice)
        parse_slos(slo)
        if scenario.partition(":")[0] not in _SCENARIOS:
            raise UnknownNameError("scenario of a capacity", scenario, _SCENARIOS)
        super().check(model, case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Warm up with a single stream, then search."""
        from inference_bench.benchmarks._capacity_search import measure_capacity

        measure_capacity(model, case, measurement)

"""Latency of a model that serves concurrent requests under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._api import API, api_of
from inference_bench.benchmarks._lengths import check_length, fitting
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class ServingLoadBenchmark(Benchmark):
    """Send requests by a scenario; latency counts from the scheduled time.

    ``poisson``, ``constant`` and ``gamma:2`` (gaps with a coefficient of variation of 2) send at ``rate`` whether or
    not the model keeps up, and ``ramp:1`` from 1 to ``rate`` requests per second; ``auto`` is half of a single stream's
    rate. ``trace:FILE`` replays a recorded load, for ``auto`` at its own rate. ``single_stream`` and ``concurrent``
    send the next request when the last one is answered, and ``offline`` sends all at once. A model is served
    with dynamic batching, in an engine by the engine's own scheduler; an endpoint is sent the requests over HTTP.
    """

    title = "Serving load"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis(
            "scenario",
            ("poisson",),
            help="single_stream, concurrent, constant, poisson, gamma:2, ramp:1, trace:FILE, offline",
        ),
        Axis("rate", ("auto",), help="requests per second; auto: half of one stream's rate, or that of the trace"),
        Axis("concurrency", (4,), help="number of clients, for concurrent"),
        Axis("requests", (32,), help="number of requests"),
        Axis("max_batch_size", (8,), help="most requests in one batch"),
        Axis("input_length", (64,), help="tokens of the prompt"),
        Axis("new_tokens", (16,), help="tokens to generate; end-of-sequence is ignored"),
        Axis("request_timeout", (600,), help="seconds from its time after which a request to an endpoint has failed"),
        Axis("prefix_cache", ("unique",), help="what the prompts sent to an endpoint share: unique, shared=0.5, warm"),
        API,
    )
    headline: ClassVar[tuple[str, ...]] = (
        "request_latency",
        "request_ttft",
        "request_tpot",
        "itl",
        "achieved_rate",
        "answered",
    )
    suites: ClassVar[tuple[str, ...]] = ("full",)

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports; an endpoint has no batches of ours."""
        others = ("max_batch_size",) if "serve" in model.abilities else ("prefix_cache", "request_timeout", API.name)
        return fitting(tuple(axis for axis in cls.axes if axis.name not in others), model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse an unknown scenario, an invalid rate, and more tokens than the model supports."""
        from inference_bench.benchmarks._load_of_case import check_load

        model.require_served()
        check_length(model, case)
        check_load(model, case)
        api_of(case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Warm up with a single stream, then run the load once to its last answer."""
        from inference_bench.benchmarks._load_measurement import measure_load

        measure_load(model, case, measurement)

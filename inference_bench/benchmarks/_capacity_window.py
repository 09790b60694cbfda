"""One window of the search for a capacity: a load at one rate, and whether it met the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.serving.request_figures import RequestFigures, request_figures
from inference_bench.analysis.serving.verdicts import judge_slos
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._load_scores import late_requests
from inference_bench.benchmarks._request_samples import record_request
from inference_bench.benchmarks._request_tables import add_rows
from inference_bench.result import Requests, Samples
from inference_bench.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.model.offered_load import ServedLoad, ServedRequest
    from inference_bench.result import SloJudgement, SloVerdict
    from inference_bench.slo import Slo
    from inference_bench.spec import Limits

_SETTLING = 5
"""One in so many requests is sent before the window begins, so that the queue is what this rate makes of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """What became of the requests of one rate.

    Attributes:
        rate: requests per second.
        judgement: of the requests that were sent after the queue had settled.
        client_limit: why the client and not the server set the pace; empty if it did not.
    """

    rate: float
    judgement: SloJudgement
    client_limit: str = ""

    @property
    def passes(self) -> bool | None:
        """Whether the objectives were met and the queue did not grow; None if the client set the pace."""
        if self.client_limit:
            return None
        return not self.judgement.growth and not any(map(_is_missed, self.judgement.verdicts))

    @property
    def miss(self) -> str:
        """Why the window did not pass, in a few words."""
        missed = (f"{each.slo} missed ({_observed(each)})" for each in self.judgement.verdicts if _is_missed(each))
        client = f"the client was the limit ({self.client_limit})" if self.client_limit else ""
        return client or self.judgement.growth or ", ".join(missed)

    def __str__(self) -> str:
        return f"at {self.rate:.4g} requests per second {self.miss}"

    @property
    def plain(self) -> dict[str, object]:
        """The window as plain data."""
        shares = {each.slo: each.good / each.requests for each in self.judgement.verdicts}
        return {"rate": self.rate, "passes": self.passes, "good": shares, "miss": self.miss}


def window_of(rate: float, load: ServedLoad, slos: Sequence[Slo], limits: Limits) -> Window:
    """Judge the requests of a load at one rate."""
    steady = load.requests[len(load.requests) // _SETTLING :]
    limit = next(iter((*load.client_limits, late_requests(steady))), "")
    return Window(rate, judge_slos(_figures(steady, limits), slos), limit)


def _figures(requests: Sequence[ServedRequest], limits: Limits) -> RequestFigures:
    """Return the figures of requests by the formulas of the serving load."""
    scratch = Measurement(limits)
    add_rows(scratch, "measured", requests)
    for iteration, request in zip(scratch.repetitions(len(requests)), [requests[0], *requests], strict=True):
        if request.counts:
            record_request(iteration, request)
    samples = Samples.joined([{**scratch.columns(), "run": 0}])
    found = request_figures(samples, Requests.joined([{**part, "run": 0} for part in scratch.requests]))
    assert found is not None
    return found


def _is_missed(verdict: SloVerdict) -> bool:
    return verdict.good < verdict.asked * verdict.requests * (1 - 1e-9)


def _observed(verdict: SloVerdict) -> str:
    if verdict.value_ns is not None:
        return format_ns(verdict.value_ns)
    return f"{verdict.good} of {verdict.requests} requests good"

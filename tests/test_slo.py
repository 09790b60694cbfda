from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.metrics import METRICS
from inference_bench.slo import METRICS_OF_SLO, Slo, parse_slo


@pytest.mark.parametrize(
    ("text", "slo"),
    [
        ("ttft.p99<=300ms", Slo("ttft.p99<=300ms", "request_ttft", 0.99, 300e6)),
        ("tpot.p95<=50ms", Slo("tpot.p95<=50ms", "request_tpot", 0.95, 50e6)),
        ("e2e.p50<2s", Slo("e2e.p50<2s", "request_latency", 0.5, 2e9, True)),
        ("request_latency.p99.9 ≤ 1.5 s", Slo("request_latency.p99.9<=1.5s", "request_latency", 0.999, 1.5e9)),
        ("dispatch_lag.p90<=250µs", Slo("dispatch_lag.p90<=250µs", "dispatch_lag", 0.9, 250e3)),
        ("ttft.p99<=900ns", Slo("ttft.p99<=900ns", "request_ttft", 0.99, 900.0)),
        ("failures<=1%", Slo("failures<=1%", "failures", 0.99)),
        (" failures <= 0.001 ", Slo("failures<=0.001", "failures", 0.999)),
    ],
)
def test_an_objective_is_read(text, slo):
    assert parse_slo(text) == slo


def test_the_figures_of_objectives_are_metrics_in_nanoseconds():
    assert {METRICS[tag].unit for tag in METRICS_OF_SLO.values()} == {"ns"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected METRIC.pN<=TIME"),
        ("ttft", "expected METRIC.pN<=TIME"),
        ("ttft.p99>=300ms", "expected METRIC.pN<=TIME"),
        ("ttft<=300ms", "expected a percentile between 0 and 100, such as ttft.p99"),
        ("ttft.p100<=300ms", "No number of requests shows that all of them are good."),
        ("ttft.p0<=300ms", "expected a percentile between 0 and 100"),
        ("ttft.p99<=300", "with a unit: ns, us, µs, ms, s"),
        ("ttft.p99<=300min", "with a unit: ns, us, µs, ms, s"),
        ("ttft.p99<=0ms", "a time of more than 0"),
        ("ttft.p99<=nanms", "expected METRIC.pN<=TIME"),
        ("ttft.p99<=" + "9" * 400 + "s", "expected METRIC.pN<=TIME"),
        ("failures<=0%", "No number of requests shows that none ever fails."),
        ("failures<=100%", "a share between 0% and 100%"),
        ("failures<=1ms", "a share between 0% and 100%"),
        ("failures.p99<=1%", "a share between 0% and 100%"),
    ],
)
def test_what_is_no_objective_is_refused_in_one_line(text, words):
    with pytest.raises(InvalidValueError) as refused:
        parse_slo(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_metric_is_answered_by_the_known_ones():
    with pytest.raises(
        UnknownNameError,
        match=r"'tftt': did you mean 'ttft'\? Known: .*e2e, failures, first_byte, first_reasoning, tpot, ttft",
    ):
        parse_slo("tftt.p99<=300ms")

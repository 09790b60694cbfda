from __future__ import annotations

import pytest

from inference_bench.analysis.trust.samples import quantile_finding
from inference_bench.grade import Severity
from inference_bench.result import Estimate, Mode
from tests.judging import codes, finding, result, summary


@pytest.mark.parametrize(
    ("of", "code", "severity"),
    [
        (result(summary(converged=False, stop_reason="time budget spent")), "not_converged", Severity.SERIOUS),
        (result(summary(), summary(metric="e2e", converged=False)), "unwatched", Severity.MINOR),
        (
            result(summary(n=4, effective_n=4.0, quantiles={"p50": Estimate(1e6, None, None, "", 6)})),
            "too_few_samples",
            Severity.SERIOUS,
        ),
        (result(summary(scope="run", runs=1)), "one_run", Severity.MINOR),
        (result(summary(effective_n=10.0)), "dependent_samples", Severity.MINOR),
        (result(summary(steadiness="no steady state")), "unsteady", Severity.SERIOUS),
        (result(summary(steadiness="slowdown")), "unsteady", Severity.MINOR),
        (result(summary(modes=(Mode(0.9e6, 0.6), Mode(1.4e6, 0.4)))), "modes", Severity.MINOR),
        (result(summary(outliers_severe=30)), "outliers", Severity.MINOR),
        (result(summary(beside_loader=40)), "beside_loader", Severity.MINOR),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_doubt_about_samples_is_found(of, code, severity):
    assert codes(of) == {code: severity}


def test_one_kind_of_unsteadiness_is_told_by_the_worst():
    of = result(summary(steadiness="no steady state"), summary(metric="e2e", steadiness="slowdown"))

    assert codes(of) == {"unsteady": Severity.SERIOUS}
    assert "TTFT, end to end: no steady state, slowdown" in finding("unsteady", of).evidence


def test_outliers_are_told_with_what_interfered():
    of = result(summary(outliers_severe=30, interfered=40, outliers_interfered=25))

    assert "in 25 of 30 the kernel or the garbage collector interfered" in finding("outliers", of).evidence


def test_modes_are_told_with_their_places_and_shares():
    of = result(summary(modes=(Mode(0.9e6, 0.6), Mode(1.4e6, 0.4))))

    assert "900 µs (60%), 1.40 ms (40%)" in finding("modes", of).evidence


def test_a_quantile_needs_samples_only_if_it_is_asked_for():
    median = Estimate(1e6, 0.99e6, 1.01e6, "order statistics")
    of = result(summary(n=200, quantiles={"p50": median, "p99": Estimate(None, 0.9e6, None, "", 368)}))

    assert codes(of) == {}
    assert quantile_finding(of, "p50") is None
    assert quantile_finding(of, "p99").evidence.endswith("too few samples for p99 (needs 368)")

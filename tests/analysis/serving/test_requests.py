from __future__ import annotations

import numpy as np

from inference_bench.analysis.serving.requests import LAG, LATENCY, TPOT, TTFT, requests_of_samples
from inference_bench.result import Samples
from inference_bench.testing import make_result

NO = np.nan


def samples(*rows):
    """Return samples from (run, iteration, stage, metric, start, value)."""
    names = ("run", "iteration", "stage", "metric", "start_ns", "value")
    part = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return Samples.joined([{**part, "phase": ""}])


def test_a_request_is_a_measured_iteration():
    found = requests_of_samples(
        samples(
            (0, 0, "cold", LATENCY, 0, 900),
            (0, 2, "measured", LATENCY, 200, 50),  # answered before the first one
            (0, 2, "measured", TTFT, 200, 20),
            (0, 2, "measured", "itl", 220, 10),
            (0, 2, "measured", "itl", 230, 20),
            (0, 1, "measured", LATENCY, 100, 500),
            (0, 1, "measured", LAG, 100, 3),
            (1, 1, "measured", LATENCY, 90, 60),
            (1, 9, "measured", TTFT, 90, 60),  # without a latency it is no request
        )
    )
    assert found is not None
    assert found.run.tolist() == [0, 0, 1]
    assert found.planned_ns.tolist() == [100, 200, 90]
    assert found.ended_ns.tolist() == [600, 250, 150]
    assert not found.failed.any()
    figures = {name: figure.tolist() for name, figure in found.figures.items()}
    np.testing.assert_equal(figures, {LATENCY: [500, 50, 60], TTFT: [NO, 20, NO], LAG: [3, NO, NO], TPOT: [NO, 15, NO]})
    assert [rows.tolist() for rows in found.by_run()] == [[0, 1], [2]]


def test_samples_of_another_benchmark_are_no_requests():
    assert requests_of_samples(make_result({"ttft": [[5_000_000] * 40]}).samples) is None

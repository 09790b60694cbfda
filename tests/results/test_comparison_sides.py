"""What counts as a difference at all, by the metric's unit."""

from __future__ import annotations

import pytest

from inference_bench.results.comparison_sides import resolution_of
from inference_bench.results.run import Run
from tests.report_parts import RECORD


@pytest.mark.parametrize(
    ("metric", "resolution"),
    [("ttft", 0.4), ("rss_peak_hwm", 4096), ("kl_divergence", 5e-6), ("top1_agreement", 0)],
)
def test_the_resolution_follows_from_the_unit(metric, resolution):
    assert resolution_of(metric, Run(RECORD, ())) == resolution

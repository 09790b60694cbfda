"""Figures of a sweep that stand out by more than the speed of their node."""

from __future__ import annotations

from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.departures import departing
from inference_bench.result import Estimate
from inference_bench.results.sweep_figures import SweepRow
from inference_bench.testing import make_case

RELATIVE = {"n1": 1.0, "n2": 1.3, "n3": 0.8, "n4": 1.0}


def row(metric="ttft", length=32, **factors):
    case = make_case(input_length=length)
    figures = {node: 1e7 * speed * factors.get(node, 1.0) for node, speed in RELATIVE.items()}
    return SweepRow(case, metric, "", {node: Estimate(value, None, None) for node, value in figures.items()})


class Named(Places):
    """Names a case by its length only."""

    def name(self, case):
        return str(case.parameters["input_length"])


def lines(*rows):
    return [cell.text for remarks in departing(rows, RELATIVE, Named([])) for cell in remarks.lines]


def test_the_speed_of_a_node_is_no_departure():
    assert lines(row(), row(length=64)) == []


def test_a_single_case_that_departs_is_named_with_its_node():
    assert lines(row(), row(length=64, n3=1.25)) == ["n3: 64, TTFT: +25 %"]


def test_sizes_do_not_follow_the_speed_of_their_node():
    sizes = SweepRow(make_case(), "rss_peak_hwm", "load", {n: Estimate(1e9, None, None) for n in RELATIVE})

    assert lines(sizes) == []


def test_of_many_the_rest_is_counted():
    many = [row(length=length, n1=2.0) for length in range(1, 11)]

    assert lines(*many)[-1] == "and 2 more figures"

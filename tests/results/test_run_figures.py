"""The figures of a run, from its folder and from a line of the plugin's file."""

from __future__ import annotations

import pytest

from inference_bench.results.run_figures import figures_of_line, figures_of_run
from inference_bench.results.timing_history import TimedRun
from inference_bench.testing import make_case
from tests.results.stored_history import MACHINE, PROCESSES, failed, result, write


def metrics(figures):
    return {metric for _, _, metric, _ in figures.figures}


def test_a_run_has_a_figure_per_case_and_headline_metric(tmp_path):
    run = write(tmp_path, 1, result(1, headline=["ttft"]), failed(make_case(input_length=64)))
    found = figures_of_run(run)

    (slot, figure), *others = found.figures.items()
    assert (others, slot) == ([], (make_case().id, "", "ttft", ""))
    assert figure.value == run.results[0].summaries[0].headline.value
    assert figure.processes == PROCESSES
    assert found.failures == {make_case(input_length=64).id: "crashed: killed by SIGSEGV"}
    assert (found.machine, found.finished, len(found.cases)) == (MACHINE, True, 2)


def test_a_rate_stands_for_the_duration_it_is_computed_from(tmp_path):
    run = write(tmp_path, 1, result(1, headline=["ttft", "decode_rate"]))

    assert metrics(figures_of_run(run)) == {"ttft", "itl"}
    assert metrics(figures_of_run(run, ["decode_rate"])) == {"itl"}


def test_old_runs_name_no_headline_metrics(tmp_path):
    assert metrics(figures_of_run(write(tmp_path, 1, result(1, headline=())))) == {"ttft", "itl"}


def test_another_quantile_is_that_of_the_samples(tmp_path):
    run = write(tmp_path, 1, result(1, headline=["ttft"]))
    p90 = run.results[0].summaries[0].quantiles["p90"].value

    found = list(figures_of_run(run, quantile="p90").figures.values())
    assert [figure.value for figure in found] == ([] if p90 is None else [p90])


def test_each_timed_function_is_a_case():
    found = figures_of_line(TimedRun({"t.py::a": 12.5, "t.py::b": 3.0}, "m1", 2, "2026-01-01T00:00:00"), 7)

    assert [case.parameters["test"] for case in found.cases.values()] == ["t.py::a", "t.py::b"]
    assert [figure.value for figure in found.figures.values()] == [12.5, 3.0]
    assert metrics(found) == {"call_time"}
    assert (found.id, found.machine, found.workers, found.created_utc) == ("line 7", "m1", 2, "2026-01-01T00:00:00")


@pytest.mark.parametrize("number", [1, 2])
def test_a_test_is_the_same_case_in_every_line(number):
    assert (
        figures_of_line(TimedRun({"a": 1.0}), number).figures.keys()
        == figures_of_line(TimedRun({"a": 2.0})).figures.keys()
    )

from dataclasses import replace

import pytest

from inference_bench.reports._pages.other_processes import table
from inference_bench.results.run import Run, load_run
from inference_bench.testing import make_record, make_result, write_run
from tests.analysis.test_disturbance import old, worker

VALUES = [1_000_000 + 1000 * (step % 21 - 10) for step in range(400)]


def run_with(*workers):
    result = replace(make_result({"ttft": [VALUES]}), workers=workers, headline=("ttft",))
    return Run(make_record(result), (result,))


def rows(shown):
    return [[cell.text for cell in row] for row in shown.sections[0]]


def test_nodes_stand_side_by_side_with_all_of_their_runs():
    found = table({"n2": [run_with(worker(busy_s=12)), run_with(worker(busy_s=14))], "n1": [run_with(worker())]})
    assert rows(found) == [["n1", "0.050", "0.000", "2.0", "10.0%"], ["n2", "0.300", "0.000", "2.0", "10.0%"]]
    assert not found.below


def test_a_launcher_that_can_have_moved_figures_is_named():
    disturbed = worker(waited_s=2.0, gcs_server=1.0, raylet=0.5, agent=0.1, log_monitor=0.05)
    found = table({"n1": [run_with(disturbed), run_with(worker())], "n2": [run_with(worker(waited_s=0, gcs=1.0))]})
    (sentence,) = [cell.text for cell in found.below]
    assert "n1: the launcher (gcs_server, raylet, agent) can have taken up to 16.5% of the time" in sentence
    assert "1 of 2 cases" in sentence


def test_runs_of_an_earlier_version_say_nothing_of_a_launcher(tmp_path):
    result = replace(make_result({"ttft": [VALUES]}), workers=(old(worker()),))
    found = table({"n1": [load_run(write_run(tmp_path, result).folder)]})
    assert rows(found) == [["n1", "0.050", "–", "2.0", "10.0%"]]


@pytest.mark.parametrize("usage", [None, {}])
def test_nothing_on_record(usage):
    assert rows(table({"n1": [run_with({"usage": usage})]})) == [["n1", "–", "–", "–", "–"]]

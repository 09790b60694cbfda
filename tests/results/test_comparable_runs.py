"""Which earlier runs a new one is judged by."""

from __future__ import annotations

import json

from inference_bench.results.comparable_runs import comparable_runs
from inference_bench.results.run_figures import figures_of_line, figures_of_run
from inference_bench.results.timing_history import TimedRun
from tests.results.stored_history import result, write


def line(figure, machine=None, workers=None):
    return figures_of_line(TimedRun({"a": figure}, machine, workers))


def values(found):
    return [figure.value for run in found.runs for figure in run.figures.values()]


def test_only_runs_of_this_machine_and_as_many_processes_are_comparable():
    runs = [line(1.0, "m1", 1), line(2.0, "m2", 1), line(3.0, "m1", 8), line(4.0)]

    found = comparable_runs(line(9.0, "m1", 1), runs)

    assert values(found) == [1.0, 4.0]
    assert found.notes == [
        "1 earlier run of another machine: not compared.",
        "1 earlier run timed in another number of processes than 1: not compared.",
        "1 earlier run of an unknown machine: compared as if of this one.",
    ]


def test_other_machines_count_if_asked_for():
    assert values(comparable_runs(line(9.0, "m1", 1), [line(2.0, "m2", 1)], across_machines=True)) == [2.0]


def test_a_run_of_an_unknown_machine_is_compared_with_all():
    assert values(comparable_runs(line(9.0), [line(2.0, "m2", 1), line(3.0)])) == [2.0, 3.0]


def test_runs_are_in_the_order_of_time_and_neither_itself_nor_later(tmp_path):
    runs = [write(tmp_path, number, result(number)) for number in (3, 1, 2, 0, 5)]
    figures = [figures_of_run(run) for run in runs]

    found = comparable_runs(figures[0], figures)

    assert [run.id for run in found.runs] == ["run-000", "run-001", "run-002"]
    assert found.notes == [
        "1 earlier run begun after the new one: not compared.",
        "The new run is in the history itself: left out there.",
    ]


def test_sides_of_interleaved_measurements_are_no_history(tmp_path):
    (tmp_path / "x-ab").mkdir()
    (tmp_path / "x-ab" / "ab.json").write_text(json.dumps({}))
    inside, outside = write(tmp_path / "x-ab", 1, result(1)), write(tmp_path, 2, result(2))

    found = comparable_runs(figures_of_run(write(tmp_path, 3, result(3))), list(map(figures_of_run, (inside, outside))))

    assert [run.id for run in found.runs] == ["run-002"]
    assert "interleaved" in found.notes[0]

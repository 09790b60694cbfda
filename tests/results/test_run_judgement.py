"""A new run judged by its history: verdicts, exit codes, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference_bench.analysis.prediction_interval import Basis, Judgement
from inference_bench.metrics import METRICS, Better, Replicate
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Scores, Status, Summary
from inference_bench.results.noise_store import Noise
from inference_bench.results.run_figures import Figure, RunFigures, figures_of_run
from inference_bench.results.run_judgement import JudgeOptions, judge_run
from inference_bench.spec import Setup
from inference_bench.testing import make_case, make_result
from tests.results.stored_history import MACHINE, failed, result, write, write_history

CASE = make_case()


def judged(new, history, **options):
    metrics = options.get("metrics", ())
    figures = [figures_of_run(run, metrics) for run in (new, *history)]
    return judge_run(figures[0], figures[1:], JudgeOptions(**options))


def words(found):
    return [row.judgement for row in found.rows]


def noise(spread, benchmark="inference_speed"):
    pairs = 5e7 * np.exp(np.random.default_rng(1).normal(0, spread, (10, 2)))
    return Noise("2026-01-01T00:00:00+00:00", 1, {(benchmark, "ttft", ""): {CASE.id: (pairs,)}})


@pytest.mark.parametrize(
    ("factor", "judgement", "code"), [(1, Judgement.OK, 0), (1.2, Judgement.WORSE, 1), (0.8, Judgement.BETTER, 0)]
)
def test_a_new_run_is_judged_by_the_spread_of_the_old_ones(tmp_path, factor, judgement, code):
    history = write_history(tmp_path / "history", 12)

    found = judged(write(tmp_path, 20, result(20, factor=factor)), history)

    assert (words(found), found.exit_code) == ([judgement], code)
    assert (found.has_verdict, found.comparisons, found.notes) == (True, 1, ())
    assert found.rows[0].prediction.n == 12


def test_every_figure_asked_for_shares_the_level(tmp_path):
    history = write_history(tmp_path / "history", 12)
    new = write(tmp_path, 20, result(20))

    one, two = judged(new, history, metrics=["ttft"]), judged(new, history, metrics=["ttft", "itl"])

    assert (one.comparisons, two.comparisons) == (1, 2)
    assert two.rows[0].prediction.high > one.rows[0].prediction.high


def test_many_single_processes_as_slow_make_a_run_suspect_only(tmp_path):
    # One process of each old run is slow, which its median does not show.
    runs = []
    for number in range(12):
        base = 50_000_000 + 10_000 * number
        of = result(number)
        values = [[base + k for k in range(6)], [base + k for k in range(6)], [2 * base + k for k in range(6)]]
        runs.append(write(tmp_path / "history", number, make_result({"ttft": values}, case=of.case)))
    found = judged(write(tmp_path, 20, result(20, factor=1.5)), runs)

    assert (words(found), found.exit_code) == ([Judgement.SUSPECT], 3)
    assert found.rows[0].reason == "12 of 36 processes of earlier runs were as bad"


@pytest.mark.parametrize(("factor", "judgement"), [(1, Judgement.OK), (1.3, Judgement.WORSE)])
def test_with_few_runs_the_floor_decides(tmp_path, factor, judgement):
    history = write_history(tmp_path / "history", 2)

    found = judged(write(tmp_path, 20, result(20, factor=factor)), history, noise=noise(0.01))

    assert words(found) == [judgement]
    assert found.rows[0].prediction.basis is Basis.FLOOR


def test_the_spread_of_few_processes_is_wider_than_that_of_many():
    of = noise(0.02)
    slot = "inference_speed", "ttft", ""

    few, many = of.run_spread(slot, CASE.id, (1, 3)), of.run_spread(slot, "another case", (20, 60))
    assert few > 0.015 > many > 0
    assert of.run_spread(("another", "ttft", ""), CASE.id, (1, 3)) is None


@pytest.mark.parametrize(
    ("floor", "text"),
    [
        (None, "2 earlier runs, expected 8 or more, or the A/A floor, which is not known on this machine (`noise`)"),
        (noise(0.01, "work"), "not measured for inference speed"),
    ],
)
def test_with_few_runs_and_no_floor_it_says_what_is_missing(tmp_path, floor, text):
    history = write_history(tmp_path / "history", 2)

    found = judged(write(tmp_path, 20, result(20, factor=2)), history, noise=floor)

    assert (words(found), found.has_verdict, found.exit_code) == ([Judgement.UNKNOWN], False, 0)
    assert text in found.lacks


def test_runs_of_other_machines_are_left_out_and_counted(tmp_path):
    history = write_history(tmp_path / "history", 9)
    others = [write(tmp_path / "others", number, result(number, factor=3), machine="other") for number in range(9)]
    new = write(tmp_path, 20, result(20))

    found = judged(new, [*history, *others])
    assert (words(found), found.notes) == ([Judgement.OK], ("9 earlier runs of another machine: not compared.",))
    nothing = judged(new, others)
    assert (nothing.has_verdict, len(nothing.earlier)) == (False, 0)
    assert "no earlier run of this machine" in nothing.lacks


def test_the_new_run_is_no_part_of_its_history(tmp_path):
    history = write_history(tmp_path, 9)
    new = write(tmp_path, 20, result(20, factor=1.2))

    found = judged(new, [*history, new])

    assert (words(found), len(found.earlier)) == ([Judgement.WORSE], 9)
    assert found.notes == ("The new run is in the history itself: left out there.",)


def test_a_case_that_fails_but_did_not_is_a_regression(tmp_path):
    history = write_history(tmp_path / "history", 9)

    found = judged(write(tmp_path, 20, failed()), history)

    assert (found.exit_code, found.has_verdict) == (1, True)
    assert found.regressions == (f"{CASE.slug}: crashed: killed by SIGSEGV",)


def test_old_runs_in_which_the_case_failed_do_not_count_and_are_told(tmp_path):
    history = write_history(tmp_path / "history", 9)
    history += [write(tmp_path / "history", 10 + number, failed()) for number in range(3)]

    found = judged(write(tmp_path, 20, result(20)), history)

    assert (words(found), found.rows[0].prediction.n) == ([Judgement.OK], 9)
    assert found.notes == (f"{CASE.slug}: failed in 3 earlier runs, which do not count for it.",)


def test_changed_cases_are_named(tmp_path):
    history = write_history(tmp_path / "history", 9)
    longer = make_case(input_length=64)

    changed = judged(write(tmp_path, 20, result(20, longer)), history)
    assert (words(changed), changed.exit_code) == ([Judgement.UNKNOWN], 0)
    assert changed.lacks == "no earlier run has a case and metric of the new one"
    added = judged(write(tmp_path, 21, result(20), result(21, longer)), history)
    assert words(added) == [Judgement.OK, Judgement.UNKNOWN]
    assert added.notes == (f"Not judged, for no earlier run has 1 case of the new one: {longer.slug}.",)
    assert changed.notes[-1].endswith(f"lacks what the latest earlier run has: {CASE.slug}.")


def test_a_new_run_that_has_not_ended_says_so(tmp_path):
    history = write_history(tmp_path / "history", 9)

    found = judged(write(tmp_path, 20, result(20), finished=False), history)

    assert "has not ended" in found.notes[0]


def figures(tag, value, number, *, phase="", processes=3):
    case = Case("tiny", "work", Setup(), {})
    return RunFigures(
        id=f"run-{number:03}",
        created_utc=f"2026-01-{number + 1:02}",
        machine=MACHINE,
        cases={case.id: case},
        figures={(case.id, "", tag, phase): Figure(value, processes, 0.0)},
    )


@pytest.mark.parametrize("tag", METRICS)
def test_every_metric_is_judged_in_its_own_direction(tag):
    history = [figures(tag, 1000.0 + number, number) for number in range(12)]
    sign = 1 if METRICS[tag].better is Better.LOWER else -1

    for change, judgement in ((sign, Judgement.WORSE), (-sign, Judgement.BETTER), (0, Judgement.OK)):
        found = judge_run(figures(tag, 1006.0 + 500 * change, 20), history, JudgeOptions())
        assert (tag, words(found)) == (tag, [judgement])


@pytest.mark.parametrize("tag", [tag for tag, metric in METRICS.items() if metric.replicate is Replicate.ITEM])
def test_figures_of_the_same_items_are_exact(tag):
    history = [figures(tag, 0.5, 1)]
    worse = 0.51 if METRICS[tag].better is Better.LOWER else 0.49

    assert words(judge_run(figures(tag, 0.5, 2), history, JudgeOptions())) == [Judgement.OK]
    found = judge_run(figures(tag, worse, 2), history, JudgeOptions())
    assert (words(found), found.comparisons) == ([Judgement.WORSE], 0)


def test_a_metric_of_a_newer_version_has_no_direction():
    found = judge_run(figures("new_one", 2.0, 20), [figures("new_one", 1.0, n) for n in range(9)], JudgeOptions())

    assert (words(found), found.exit_code) == ([Judgement.UNKNOWN], 0)
    assert "more or less of it is better" in found.rows[0].reason


def test_growth_may_be_zero_or_negative():
    history = [
        figures("leak_slope", value, n) for n, value in enumerate([0.0, -1.0, 2.0, 0.5, 0.0, 1.0, -2.0, 0.0, 1.0])
    ]

    assert words(judge_run(figures("leak_slope", 1.5, 20), history, JudgeOptions())) == [Judgement.OK]
    assert words(judge_run(figures("leak_slope", 1e6, 20), history, JudgeOptions())) == [Judgement.WORSE]


def scored(number, scores):
    mean = sum(scores) / len(scores)
    summary = Summary(
        metric="accuracy",
        phase="task",
        n=len(scores),
        runs=1,
        scope="items",
        level=0.95,
        cold=None,
        minimum=min(scores),
        maximum=max(scores),
        mean=mean,
        quantiles={},
        autocorrelation=None,
        effective_n=1.0,
        outliers_mild=0,
        outliers_severe=0,
        converged=True,
        stop_reason="",
        score=Estimate(mean, None, None),
    )
    count = len(scores)
    columns = Scores(
        task=np.array(["task"] * count),
        item=np.array([str(item) for item in range(count)]),
        metric=np.array(["accuracy"] * count),
        value=np.array(scores, np.float64),
        weight=np.ones(count),
        detail=np.array([""] * count, object),
        run=np.zeros(count, np.int32),
    )
    case = make_case(benchmark="accuracy", task="task")
    return BenchmarkResult(case, Status.OK, (summary,), scores=columns, headline=("accuracy",))


def test_items_with_other_scores_are_counted_even_if_the_figure_is_the_same(tmp_path):
    history = [write(tmp_path / "history", number, scored(number, [1, 0, 1, 0])) for number in range(2)]

    found = judged(write(tmp_path, 20, scored(20, [0, 1, 1, 0])), history)

    assert words(found) == [Judgement.OK]
    (note,) = found.notes
    assert note.endswith("accuracy task: 2 of 4 items have another score than in run-001.")


def test_missing_samples_of_old_runs_are_told_and_the_run_is_judged(tmp_path):
    history = write_history(tmp_path / "history", 9)
    for path in (tmp_path / "history").rglob("samples/*"):
        path.unlink()
    problems = []

    found = judged(write(tmp_path, 20, result(20, factor=1.2)), history, problem=problems.append)

    assert words(found) == [Judgement.WORSE]
    assert len(problems) == 9


def test_runs_that_differ_in_nothing_but_the_id_are_told_apart(tmp_path):
    history = write_history(tmp_path / "history", 9)
    new = write(tmp_path, 20, result(20))

    twin = replace(new, record=replace(new.record, id="run-019"))
    assert len(judged(new, [*history, twin]).earlier) == 10


def test_figures_of_trained_and_of_random_weights_are_never_joined(tmp_path):
    trained = write_history(tmp_path / "history", 9)
    other = replace(result(20), model={"weights": {"source": "random", "trained": False, "label": "random"}})
    new = write(tmp_path, 20, other)

    found = judged(new, trained)

    assert new.results[0].random_weights
    assert words(found) == [Judgement.UNKNOWN]

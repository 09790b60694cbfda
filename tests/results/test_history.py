from __future__ import annotations

import asyncio

import pytest

from inference_bench.orchestration.run import run_benchmarks
from inference_bench.reports._pages.history import page
from inference_bench.results.discovery import open_runs
from inference_bench.results.history import history
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S
from tests.command_line import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    request = Spec(
        ("null",),
        ("inference_speed",),
        axes={"input_length": (16,), "new_tokens": (4,)},
        limits=Limits(budget_ns=NS_PER_S // 20),
    )
    for _ in range(2):
        asyncio.run(run_benchmarks(request, output=output))
    return output


def report(*words):
    return call("report", *words, "--history")


def test_runs_come_by_time_with_their_own_figures(folder):
    runs = open_runs(folder, print)
    (track, *_) = history(reversed(runs))

    assert [point.run for point in track.points] == sorted(run.record.id for run in runs)
    assert track.changes == {}
    assert {t.metric for t in history(runs)} <= {t.metric for t in history(runs, everything=True)}
    assert len(page([track]).blocks) == 1


@pytest.mark.parametrize(
    ("form", "word"), [("console", "TTFT"), ("markdown", "### TTFT"), ("html", "TTFT</span></caption>")]
)
def test_the_command_in_every_format(folder, form, word):
    ended = report(folder, "--format", form)

    assert ended.code == 0, ended.err
    assert word in ended.out
    assert "2 runs" in ended.out


def test_a_folder_without_runs_or_with_a_single_one_is_one_line(folder, tmp_path):
    single = report(next(folder.iterdir()))
    assert (single.code, single.err.count("\n")) == (2, 1) or single.code == 1
    assert "no two runs have a case in common" in single.err
    assert "no run in it" in report(tmp_path).err


@pytest.mark.parametrize("form", ["console", "markdown"])
def test_a_report_of_several_runs_has_each(folder, form):
    runs = [run.folder for run in open_runs(folder, print)]
    shown = call("report", *runs, "--format", form)

    assert shown.code == 0, shown.err
    assert all(run.name in shown.out for run in runs)


def test_one_page_or_document_is_of_one_run(folder):
    runs = [run.folder for run in open_runs(folder, print)]
    refused = call("report", *runs, "--format", "html")

    assert (refused.code, refused.out) == (2, "")
    assert "so does compare" in refused.err

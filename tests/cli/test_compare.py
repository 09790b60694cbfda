"""``compare`` given what it should not be: each time a clear line, and the rest compared."""

from __future__ import annotations

import asyncio
import json
import math
import mmap
import re
import shutil
from dataclasses import replace

import pytest

from inference_bench.orchestration.run import run_benchmarks
from inference_bench.results.comparison_sides import observe
from inference_bench.results.run import load_run
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S
from tests.command_line import call


def measure(output, lengths, runs=1):
    spec = Spec(
        ("null",),
        ("inference_speed",),
        axes={"input_length": lengths, "new_tokens": (4,)},
        limits=Limits(budget_ns=NS_PER_S // 20, max_samples=3000),  # too few for p99.9 on any machine
        runs=runs,
    )
    return asyncio.run(run_benchmarks(spec, output=output)).folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    return {
        "a": measure(output / "a", (16, 32), runs=4),
        "b": measure(output / "b", (16, 32), runs=4),
        "one": measure(output / "one", (16, 32)),
        "other": measure(output / "other", (64, 128)),
    }


@pytest.fixture
def broken(folders, tmp_path):
    """A copy of A that a test may spoil."""
    return shutil.copytree(folders["a"], tmp_path / "broken")


def compare(*words):
    # Wide, for how long the figures are decides where a narrow table breaks its sentences.
    done = call("compare", *words, COLUMNS="200")
    assert "Traceback" not in done.err
    return done


def rows(done):
    return json.loads(done.out)["comparisons"][0]["rows"]


def test_runs_enough_are_compared_case_by_case(folders):
    done = compare(folders["a"], folders["b"], "--format", "json")

    assert done.code in (0, 1)
    assert {row["before"]["parameters"]["input_length"] for row in rows(done)} == {16, 32}
    assert all(row["low"] is not None and row["grades"][0] in "ABCDF" for row in rows(done))


def test_one_run_each_gets_no_verdict_but_is_told_what_it_takes(folders):
    done = compare(folders["one"], folders["b"])

    assert done.code == 0
    assert "cannot tell from 1 and 4 runs" in done.out
    assert not any(word in done.out.split("change: B against A")[0] for word in ("FASTER", "SLOWER", "SAME"))


def test_one_side_only_is_refused(folders):
    done = compare(folders["a"])

    assert (done.code, done.out) == (2, "")
    assert "one side only" in done.err


def test_runs_without_common_cases_are_told_and_refused(folders):
    done = compare(folders["a"], folders["other"])

    assert done.code == 2
    assert "nothing to compare" in done.err
    assert "only in" in done.out


def test_an_empty_folder_is_no_side(folders, tmp_path):
    done = compare(folders["a"], tmp_path)

    assert done.code == 2
    assert str(tmp_path) in done.err


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"hello": 1}', b"\x00\xff" * 40],
    ids=["empty", "truncated", "list", "foreign", "binary"],
)
@pytest.mark.parametrize("name", ["run.json", "results.json"])
def test_a_truncated_or_foreign_file_is_named(folders, broken, name, content):
    (broken / name).write_bytes(content)

    done = compare(folders["a"], broken)

    assert (done.code, done.out) == (2, "")
    assert name in done.err


def test_a_file_is_no_run(folders, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")

    done = compare(folders["a"], path)

    assert done.code == 2
    assert "notes.txt" in done.err


def test_a_newer_schema_is_refused_with_its_version(folders, broken):
    document = json.loads((broken / "run.json").read_bytes())
    (broken / "run.json").write_text(json.dumps({**document, "schema_version": 99}))

    done = compare(folders["a"], broken)

    assert done.code == 2
    assert "99" in done.err


def test_among_several_runs_a_bad_one_is_told_and_the_rest_compared(folders, tmp_path):
    shutil.copytree(folders["b"], tmp_path / "good")
    (shutil.copytree(folders["b"], tmp_path / "bad") / "results.json").write_bytes(b"{")

    done = compare(folders["a"], tmp_path, "--format", "json")

    assert done.code in (0, 1)
    assert "bad" in done.err
    assert len(rows(done)) > 0


def test_a_case_whose_samples_cannot_be_read_is_told_and_the_rest_compared(folders, broken):
    first, *_ = sorted((broken / "samples").iterdir())
    first.write_bytes(first.read_bytes()[:100])

    done = compare(folders["a"], broken, "--format", "json")

    assert first.name in done.err
    assert len({row["before"]["parameters"]["input_length"] for row in rows(done)}) == 1


def test_a_baseline_that_failed_is_told_and_the_rest_compared(folders, broken):
    document = json.loads((broken / "results.json").read_bytes())
    document["results"][0] |= {"status": "crashed", "summaries": [], "failure": {"cause": "killed by SIGSEGV"}}
    document["results"][0] |= {"samples": None, "memory": None}
    (broken / "results.json").write_text(json.dumps(document))

    done = compare(broken, folders["b"], "--format", "json")

    assert len({row["before"]["parameters"]["input_length"] for row in rows(done)}) == 1
    assert "killed by SIGSEGV" in done.out


def test_scores_that_are_no_numbers_are_left_out_and_told(folders, monkeypatch):
    items = [(0, "accuracy", "task", "1", 1.0, 1.0), (0, "accuracy", "task", "2", math.nan, 1.0)]
    monkeypatch.setattr("inference_bench.results.comparison_sides.items_of", lambda run, result: iter(items))
    problems = []

    side = observe("A", [load_run(folders["one"])], metrics=("accuracy",), problem=problems.append)

    assert side.observations[0].scores == {"1": (1.0, 1.0)}
    assert "accuracy is nan" in problems[0]


def test_the_resolution_of_memory_is_the_page_of_the_machine_that_measured(folders, monkeypatch):
    rows = [("rss_growth", "load", 0, 1.0)]
    monkeypatch.setattr("inference_bench.results.comparison_sides.process_values", lambda run, result, p: iter(rows))
    run = load_run(folders["one"])
    large = replace(run, record=replace(run.record, environment={"memory": {"page_bytes": 65536}}))
    unnamed = replace(run, record=replace(run.record, environment={}))

    assert run.record.environment["memory"]["page_bytes"] == mmap.PAGESIZE
    assert [observe("A", [of]).observations[0].resolution for of in (large, unnamed)] == [65536, 4096]


def test_too_few_samples_for_a_quantile_are_the_reason_that_is_given(folders):
    done = compare(folders["one"], folders["b"], "--quantile", "p99.9")

    assert done.code == 2
    assert re.search(r"too few samples per process for p99\.9 \(needs [\d,]+\): TTFT", done.err), done.err
    assert "Not compared" in done.out
    assert "no case" not in done.err


def test_runs_without_a_common_case_are_told_as_such(folders):
    done = compare(folders["one"], folders["other"])

    assert done.code == 2
    assert "have no case with a metric in common" in done.err


def test_a_derived_metric_is_refused_with_the_one_it_follows_from(folders):
    done = compare(folders["a"], folders["b"], "--metric", "decode_rate")

    assert done.code == 2
    assert "It follows from itl" in done.err


def test_a_folder_that_holds_one_run_is_that_run(folders):
    assert load_run(folders["one"].parent).record.id == load_run(folders["one"]).record.id


def test_the_values_of_an_axis_within_a_run(folders):
    done = compare(folders["a"], "--by", "input_length", "--baseline", "32", "--format", "json")

    (found,) = json.loads(done.out)["comparisons"]
    assert done.code in (0, 1)
    assert (found["before"], found["after"]) == ("input_length=32", "input_length=16")
    assert (found["paired"], found["in_rounds"]) == (False, True)
    assert {tuple(row["runs"]) for row in found["rows"]} == {(4, 4)}
    assert "Measured in rounds" in compare(folders["a"], "--by", "input_length").out


def test_an_axis_that_cannot_be_compared_is_refused_in_a_line(folders):
    done = compare(folders["a"], "--by", "dtype")

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "expected two values or more" in done.err

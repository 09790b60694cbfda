"""Objectives on the command line: before a load, after it, and of a run that is stored."""

from __future__ import annotations

import json

import pytest

from inference_bench.analysis.serving.of_result import with_slos
from inference_bench.cli._main import main
from inference_bench.result import SloOutcome
from inference_bench.results.run import load_run
from inference_bench.testing import make_case, make_result, write_run
from inference_bench.units import NS_PER_MS

LOAD = ("run", "--model", "null", "--benchmark", "serving_load", "-a", "rate=200")


def stored(folder, latency_ms=10, requests=400, slos=()):
    """Write a run with two loads of known latencies; the second one's are three times as long."""
    results = []
    for factor, rate in ((1, 2), (3, 4)):
        values = {name: [[factor * latency_ms * NS_PER_MS] * requests] for name in ("request_latency", "request_ttft")}
        case = make_case("null", "serving_load", scenario="poisson", rate=rate, requests=requests)
        results.append(with_slos(make_result(values, case=case), slos))
    return write_run(folder, *results)


@pytest.mark.parametrize(
    ("limit", "requests", "code", "words"),
    [
        (
            50,
            400,
            0,
            ["2 requests/s: PASS ttft.p99<=50ms: 10.0 ms", "4 requests/s: PASS", "at least 99.25 % of all, 99 % asked"],
        ),
        (
            20,
            400,
            1,
            ["2 requests/s: PASS", "4 requests/s: FAIL ttft.p99<=20ms: 30.0 ms, 0 of 400 requests good: at most 0.7"],
        ),
        (
            50,
            100,
            3,
            ["2 requests/s: NOT ENOUGH DATA ttft.p99<=50ms: 10.0 ms, 100 of 100 requests good; a PASS needs about"],
        ),
    ],
)
@pytest.mark.parametrize("command", ["report", "check"])
def test_a_stored_run_is_judged_later(command, limit, requests, code, words, tmp_path, capsys):
    run = stored(tmp_path, requests=requests)
    at_least = ["--at-least", "F"] if command == "check" else []
    assert main([command, str(run.folder), "--slo", f"ttft.p99<={limit}ms", *at_least, "--format", "markdown"]) == code
    printed = capsys.readouterr().out.replace("\\_", "_").replace("&lt;", "<")
    assert all(word in printed for word in words), printed


def test_verdicts_are_kept_and_shown_again(tmp_path, capsys):
    run = stored(tmp_path, slos=["ttft.p99<=20ms"])
    judgements = [result.slo for result in run.results]
    assert [found.outcome for found in judgements] == [SloOutcome.PASS, SloOutcome.FAIL]
    assert load_run(run.folder).results[0].slo == judgements[0]

    assert main(["report", str(run.folder)]) == 0  # the run said so when it ended
    assert "4 requests/s: FAIL ttft.p99<=20ms" in capsys.readouterr().out
    assert main(["check", str(run.folder), "--at-least", "F"]) == 1


@pytest.mark.parametrize("form", ["console", "markdown", "html", "json", "github"])
def test_every_format_has_the_verdict(form, tmp_path, capsys):
    run = stored(tmp_path, slos=["ttft.p99<=20ms"])
    assert main(["report", str(run.folder), "--format", form]) == 0
    assert "FAIL" in capsys.readouterr().out


def test_json_of_check_has_the_verdicts(tmp_path, capsys):
    run = stored(tmp_path)
    main(["check", str(run.folder), "--slo", "ttft.p99<=20ms", "--json"])
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert [case["slo"]["verdicts"][0]["outcome"] for case in cases] == ["PASS", "FAIL"]


def test_a_run_without_requests_is_refused(tmp_path, capsys):
    run = write_run(tmp_path, make_result({"ttft": [[NS_PER_MS] * 40]}))
    assert main(["report", str(run.folder), "--slo", "ttft.p99<=20ms"]) == 2
    assert "has no requests to judge by ttft.p99<=20ms: expected a run of serving_load" in capsys.readouterr().err


def test_a_load_is_judged_as_it_is_measured(tmp_path, capsys):
    """The null model answers at once: a busy machine may leave a verdict open, but no load gets the opposite one."""
    slos = {"e2e.p50<=1ns": "FAIL", "e2e.p5<=100s": "PASS"}
    asked = [word for slo in slos for word in ("--slo", slo)]
    code = main([*LOAD, "-a", "requests=40", "--quick", "--quiet", *asked, "-o", str(tmp_path), "--json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    verdicts = result["slo"]["verdicts"]
    left_open = {
        verdict["slo"] for verdict in verdicts if verdict["outcome"] == "NOT ENOUGH DATA" and verdict["reason"]
    }

    assert {each["slo"]: each["outcome"] for each in verdicts} == slos | dict.fromkeys(left_open, "NOT ENOUGH DATA")
    assert code == (3 if "e2e.p50<=1ns" in left_open else 1)
    assert load_run(next(tmp_path.iterdir())).record.spec["slos"] == list(slos)


def test_the_plan_says_how_many_requests_an_objective_needs(capsys):
    slos = ["--slo", "ttft.p99<=300ms", "--slo", "failures<=10%"]
    assert main([*LOAD, *slos, "--runs", "3", "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "ttft.p99<=300ms: a PASS needs 299 requests if all are good, more if they queue; a case plans 96" in printed
    assert "failures<=10%: a PASS needs 29 requests if all are good, more if they queue output" in printed


def test_objectives_without_a_load_are_refused_before_anything_is_measured(capsys):
    assert main(["run", "--model", "null", "--slo", "ttft.p99<=300ms", "--dry-run"]) == 2
    assert "expected a benchmark that sends requests. Add --benchmark serving_load." in capsys.readouterr().err


def test_a_misspelt_objective_is_refused(capsys):
    assert main([*LOAD, "--slo", "tftt.p99<=300ms"]) == 2
    assert "did you mean 'ttft'?" in capsys.readouterr().err

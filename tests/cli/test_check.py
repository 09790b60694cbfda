from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from inference_bench import testing
from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.cli._main import main
from inference_bench.plan import Case
from inference_bench.result import Estimate, Status
from inference_bench.results.run import load_run
from inference_bench.spec import Setup
from tests.judging import QUIET, RECORD, SECOND, result, summary

STOLEN = result(usage=QUIET | {"steal_ns": SECOND})


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a run of some cases, each judged as it ends, and returns its folder."""

    def write(*results, record=RECORD):
        return testing.write_run(tmp_path, *results, record=record).folder

    return write


def change_results(folder, change):
    path = folder / "results.json"
    document = json.loads(path.read_text())
    for entry in document["results"]:
        change(entry)
    path.write_text(json.dumps(document))


def test_the_command_shows_findings_and_gates(written, tmp_path, capsys):
    folder = written(STOLEN)

    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "serious: steal" in text
    assert "effect: samples contain time" in text
    assert "fix: measure on a dedicated machine" in text
    assert main(["check", str(folder), "--at-least", "B", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (case,) = document["cases"]
    assert (case["grade"], case["rules"], document["rules"]) == ("C", RULES_VERSION, RULES_VERSION)
    assert (case["findings"][0]["code"], case["findings"][0]["severity"]) == ("steal", "serious")
    assert main(["check", str(folder), "--at-least", "Z"]) == 2
    assert main(["check", str(tmp_path / "none")]) == 2


def test_each_case_is_graded_as_it_ends_in_every_file_and_table(written, capsys):
    inapplicable = replace(result(status=Status.NOT_APPLICABLE), case=Case("tiny", "batch_processing", Setup(), {}))
    folder = written(STOLEN, inapplicable, record=replace(RECORD, finished=False))

    stolen, other = json.loads((folder / "results.json").read_text())["results"]
    assert (stolen["trust"]["grade"], stolen["trust"]["findings"]) == ("C", ["steal"])
    assert [reason["code"] for reason in stolen["trust"]["reasons"]] == ["steal"]
    assert other["trust"] == {"grade": None, "rules": None, "findings": [], "reasons": []}
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert [row["grade"] for row in rows] == ["C", ""]
    assert main(["report", str(folder), "--format", "markdown"]) == 0
    heading, _, row = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")][:3]
    assert [line.rsplit("|", 2)[1].strip() for line in (heading, row)] == ["grade", "C"]


def test_an_unfinished_run_fails_the_gate_and_its_cases_keep_their_grade(written, capsys):
    folder = written(result(), record=replace(RECORD, finished=False))

    assert main(["check", str(folder), "--at-least", "B"]) == 0
    text = capsys.readouterr().out
    assert "worst grade A" in text
    assert "minor: unfinished" in text
    assert main(["check", str(folder), "--at-least", "A", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [finding["code"] for finding in document["findings"]] == ["unfinished"]
    assert document["cases"][0]["grade"] == "A"


def test_a_quantile_is_missed_only_where_it_is_asked_for(written, capsys):
    median = Estimate(1e6, 0.99e6, 1.01e6, "order statistics")
    few = result(summary(n=200, quantiles={"p50": median, "p99": Estimate(None, 0.9e6, None, "", 368)}))
    folder = written(few)

    assert main(["check", str(folder), "--quantile", "p50", "--at-least", "A"]) == 0
    assert main(["check", str(folder), "--quantile", "p99", "--at-least", "B"]) == 1
    assert "too few samples for p99 (needs 368)" in capsys.readouterr().out
    assert main(["check", str(folder), "--quantile", "p98"]) == 2


def test_a_stored_grade_stays_until_it_is_judged_again(written, capsys):
    folder = written(STOLEN)

    def by_older_rules(entry):
        entry["trust"] |= {"grade": "B", "rules": 0}

    change_results(folder, by_older_rules)
    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "worst grade B" in text
    assert f"stored grades by rules 0; this version has rules {RULES_VERSION}: --rejudge applies them" in text
    assert main(["report", str(folder), "--format", "csv"]) == 0
    assert next(csv.DictReader(capsys.readouterr().out.splitlines()))["grade"] == "B"
    assert main(["check", str(folder), "--rejudge"]) == 0
    text = capsys.readouterr().out
    assert "worst grade C" in text
    assert f"judged again by rules {RULES_VERSION} (stored grades by rules 0): 1 grade of 1 changed" in text
    assert load_run(folder).results[0].grade.letter == "B"


@pytest.mark.parametrize("trust", [None, {"grade": "A", "findings": []}], ids=["no-grade", "no-version"])
def test_a_run_stored_before_rules_had_a_version_is_judged_when_it_is_read(written, capsys, trust):
    folder = written(STOLEN)

    def older(entry):
        del entry["trust"]
        entry |= {} if trust is None else {"trust": trust}

    change_results(folder, older)
    assert load_run(folder).results[0].grade.letter == "C"
    assert main(["check", str(folder)]) == 0
    assert "serious: steal" in capsys.readouterr().out

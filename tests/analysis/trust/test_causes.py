from __future__ import annotations

import pytest

from inference_bench.analysis.trust.case import grade
from inference_bench.analysis.trust.causes import CAUSES
from inference_bench.analysis.trust.grade import graded
from inference_bench.grade import Finding, Severity
from inference_bench.reports._pages.findings import page
from inference_bench.results.run import Run
from tests.judging import QUIET, RECORD, SECOND, finding, result, summary

BUSY = result(
    summary(converged=False, steadiness="no steady state", outliers_severe=40),
    usage=QUIET | {"cpu_pressure_ns": 5 * SECOND, "cpu_ns": 10 * SECOND, "involuntary_switches": 10**5},
)


def found(code, severity=Severity.SERIOUS):
    return Finding(code, severity, "seen", "effect", "fix")


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_one_cause_counts_once_however_many_findings_it_has(cause):
    together = graded(map(found, sorted(cause.signs | cause.effects)))

    assert together.letter == "C"
    assert {finding.cause for finding in together.findings} == {cause.name}
    assert graded(map(found, [*sorted(cause.signs), "reduced"])).letter == "D"


def test_without_a_sign_of_the_cause_each_finding_is_a_reason_of_its_own():
    alone = graded([found("not_converged"), found("unsteady")])

    assert (alone.letter, {finding.cause for finding in alone.findings}) == ("D", {""})
    assert graded([found("contention")]).findings[0].cause == ""


def test_a_busy_machine_is_one_serious_cause():
    assert grade(BUSY, RECORD).letter == "C"
    for code in ("contention", "idle_threads", "preempted", "not_converged", "unsteady", "outliers"):
        assert finding(code, BUSY).cause == "busy machine"


def test_the_page_names_the_cause_once():
    from dataclasses import replace

    shown = page(Run(RECORD, (replace(BUSY, grade=grade(BUSY, RECORD)),)))
    (remark,) = (remark for remark in shown.remarks if "busy machine" in remark.heading)
    lines = [cell.text for cell in remark.lines]

    assert [line.partition(":")[0] for line in lines][-2:] == ["effect", "fix"]
    assert {"contention", "idle threads", "preempted", "not converged"} <= {line.partition(":")[0] for line in lines}
    assert sum(line.startswith("fix: ") for line in lines) == 1
    assert not any("contention" in other.heading for other in shown.remarks)

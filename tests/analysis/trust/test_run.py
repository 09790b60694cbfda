from __future__ import annotations

from dataclasses import replace

from inference_bench.analysis.trust.run import run_grade
from tests.judging import RECORD, codes, result


def test_an_unfinished_run_is_a_finding_of_the_run_and_of_no_case():
    unfinished = replace(RECORD, finished=False)

    assert run_grade(RECORD).letter == "A"
    assert [finding.code for finding in run_grade(unfinished).findings] == ["unfinished"]
    assert codes(result(), unfinished) == {}

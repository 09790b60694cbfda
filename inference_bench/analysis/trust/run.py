"""Rules on a whole run. Their findings concern no single case and change no case's grade."""

from __future__ import annotations

from inference_bench.analysis.trust.grade import graded
from inference_bench.analysis.trust.rule import Rule, apply_rules
from inference_bench.grade import Grade, Severity
from inference_bench.result import RunRecord

RUN_RULES: tuple[Rule[RunRecord], ...] = (
    Rule(
        "unfinished",
        Severity.MINOR,
        lambda record: None if record.finished else "the run did not reach the end of its plan",
        "cases, or runs of a case, are missing",
        "finish it with --resume",
    ),
)


def run_grade(record: RunRecord) -> Grade:
    """Return the grade of a run as a whole, apart from its cases."""
    return graded(apply_rules(RUN_RULES, record))

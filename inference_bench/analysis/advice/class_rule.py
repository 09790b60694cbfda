"""A class that a phase of a case may belong to, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inference_bench.analysis.advice.advice import ClassFinding, Outcome
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.condition import Condition, all_of, check, deciding


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One entry in the table of classes.

    Attributes:
        code: stable name of the class; entries of one code are several ways to belong to it.
        title: the class for people.
        phases: that may belong to it.
        conditions: all of which must hold; the first is the figure that names the class.
        meaning: what it says, a sentence without an end.
        concerns: whether it makes sense for a case at all.
    """

    code: str
    title: str
    phases: tuple[str, ...]
    conditions: tuple[Condition, ...]
    meaning: str
    concerns: Callable[[CaseFacts], bool] = lambda _: True


def judge(rule: ClassRule, facts: CaseFacts) -> ClassFinding | None:
    """Return whether a phase belongs to a class; None if the question makes no sense for it."""
    if facts.phase.name not in rule.phases or not rule.concerns(facts):
        return None
    checked = [check(condition, facts) for condition in rule.conditions]
    outcome = all_of(checked)
    decisive = list(deciding(checked, outcome))
    return ClassFinding(
        code=rule.code,
        title=rule.title,
        phase=facts.phase.name,
        metric=facts.phase.metric,
        outcome=outcome,
        evidence="; ".join(dict.fromkeys(each.evidence for each in decisive)),
        needs="; ".join(dict.fromkeys(each.needs for each in decisive)) if outcome is Outcome.OPEN else "",
        share=checked[0].found,
    )


def judge_all(rules: Iterable[ClassRule], facts: CaseFacts) -> Iterator[ClassFinding]:
    """Yield one finding per class: of several ways to belong to it the one that says most."""
    found: dict[str, ClassFinding] = {}
    for rule in rules:
        finding = judge(rule, facts)
        if finding is not None:
            known = found.get(rule.code)
            found[rule.code] = finding if known is None else min(known, finding, key=_rank)
    yield from found.values()


def _rank(finding: ClassFinding) -> int:
    return (Outcome.HOLDS, Outcome.OPEN, Outcome.FAILS).index(finding.outcome)

"""A comparison in one sentence: what fails, what is worse, what is better, what is the same, and what is open.

Only settled verdicts become claims. The main metrics of each benchmark are told one by one, several cases of a metric
as a range; of the other metrics only those that are worse are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict
from inference_bench.metrics import MAIN_METRICS, METRICS, Quantity, noun_of, quantity_of, title_of
from inference_bench.reports._pages.change_words import change_words, direction_words
from inference_bench.units import counted

LONGEST = 240
"""Characters of a sentence: three lines of 80 columns."""
_NAMED = 3
"""Metrics named in a list of those that are worse beside the main ones."""
_LOAD, _TOTAL = "load", "total"

Rows = Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class _Group:
    """The rows of one metric of one benchmark, in one part of its work.

    Attributes:
        noun: for people.
        rows: one per case.
    """

    noun: str
    rows: Rows

    def of(self, verdict: Verdict) -> Rows:
        """Return the rows with this verdict."""
        return [row for row in self.rows if row.verdict is verdict]

    def where(self, rows: Rows) -> str:
        """Return in how many of the cases these rows are; empty if in all."""
        return "" if len(rows) == len(self.rows) else f" in {len(rows)} of {len(self.rows)} cases"


def sentence(found: Comparisons) -> str:
    """Return what a comparison says of its candidate, at most ``LONGEST`` characters and a name.

    Args:
        found: the candidate against the baseline.
    """
    return f"{_name(found)}: {_shortened(list(_parts(found)))}"


def _name(found: Comparisons) -> str:
    """Return the value in which the candidate differs, if it is a single one, else its name."""
    if len(found.differing) == 1:
        ((_, value),) = found.differing.values()
        return str(value)
    return found.after if "=" in found.after else found.after.rstrip("/").rpartition("/")[2] or found.after


def _shortened(parts: Sequence[str]) -> str:
    """Return the parts with commas between them; what is too long loses its last ones, and says how many."""
    text = ", ".join(parts)
    for kept in range(len(parts) - 1, 0, -1):
        if len(text) <= LONGEST:
            break
        text = f"{', '.join(parts[:kept])}, and {len(parts) - kept} more"
    return text


def _parts(found: Comparisons) -> Iterator[str]:
    rows, failed = found.rows, len(found.regressions)
    if failed:
        yield f"{counted(failed, 'case')} {'fails' if failed == 1 else 'fail'}"
    if not rows:
        yield "nothing is compared"
    elif all(row.verdict is Verdict.SAME for row in rows):
        yield f"the same within the margin in {_all(rows)}"
    elif all(row.verdict is Verdict.WITHHELD for row in rows):
        yield f"no verdict in {_all(rows)}, as the work was not equal"
    elif all(row.verdict is Verdict.INCONCLUSIVE for row in rows):
        yield f"open in {_all(rows)}{_what_settles(rows)}"
    else:
        groups = list(_groups(rows))
        yield from _claims(groups)
        yield from _others(rows, groups)
        yield from _listed([_with_flips(group) for group in groups if len(group.of(Verdict.SAME)) == len(group.rows)])
        yield from _withheld(rows)
        yield from _open(groups)


def _all(rows: Rows) -> str:
    return "its only comparison" if len(rows) == 1 else f"all {len(rows)} comparisons"


def _what_settles(rows: Rows) -> str:
    needed = [row.needed_runs for row in rows if row.is_of_runs]
    if not needed or None in needed:
        return ""
    unit = "runs of each side" if rows[0].replicate == "run" else f"{rows[0].replicate}s"
    return f"; about {max(of for of in needed if of)} {unit} would settle it"


def _claims(groups: Sequence[_Group]) -> Iterator[str]:
    """Yield what is certain: first what is worse, then what is better."""
    for verdict in (Verdict.WORSE, Verdict.WORSE_OPEN, Verdict.BETTER, Verdict.BETTER_OPEN):
        for group in groups:
            rows = group.of(verdict)
            if rows:
                text = direction_words(group.noun, rows[0]) if verdict.is_open else change_words(group.noun, rows)
                yield f"{text}{group.where(rows)}"


def _others(rows: Rows, groups: Sequence[_Group]) -> Iterator[str]:
    """Name the metrics that are worse beside the main ones."""
    main = {id(row) for group in groups for row in group.rows}
    worse = dict.fromkeys(title_of(r.metric) for r in rows if r.verdict is Verdict.WORSE and id(r) not in main)
    if worse:
        names = [*list(worse)[:_NAMED], *([f"{len(worse) - _NAMED} more"] if len(worse) > _NAMED else [])]
        yield f"also worse: {_joined(names)}"


def _listed(same: Sequence[str]) -> Iterator[str]:
    if same:
        yield f"{_joined(same)} the same"


def _withheld(rows: Rows) -> Iterator[str]:
    count = sum(row.verdict is Verdict.WITHHELD for row in rows)
    if count:
        yield f"no verdict in {counted(count, 'comparison')}, as the work was not equal"


def _open(groups: Sequence[_Group]) -> Iterator[str]:
    """Name what has no verdict."""
    names = []
    for group in groups:
        rows = group.of(Verdict.INCONCLUSIVE)
        if rows:
            names.append(f"{_with_flips(group)}{group.where(rows)}")
    if names:
        rows = [row for group in groups for row in group.of(Verdict.INCONCLUSIVE)]
        yield f"open{_lack(rows)}: {_joined(names)}"


def _lack(rows: Rows) -> str:
    """Say so if all open rows have too few runs for an interval; the reasons below the tables name the number."""
    is_short = all(row.low is None and row.is_of_runs for row in rows)
    return f" for lack of {rows[0].replicate}s" if is_short else ""


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _with_flips(group: _Group) -> str:
    """Return the noun, and how many answers differ, which is a fact without an interval."""
    known = [(row.flipped, row.runs[0]) for row in group.rows if row.flipped is not None]
    flipped, items = (sum(column) for column in zip(*known, strict=True)) if known else (0, 0)
    if not flipped:
        return group.noun
    return f"{group.noun} ({flipped} of {counted(items, 'answer')} {'differs' if flipped == 1 else 'differ'})"


# Which rows


def _groups(rows: Rows) -> Iterator[_Group]:
    """Yield the main metrics in the order of the table of metrics, those of an unknown metric last."""
    order = list(METRICS)
    found: dict[tuple[str, str, str], list[Comparison]] = {}
    for benchmark in dict.fromkeys(row.before.benchmark for row in rows):
        for row in _main([row for row in rows if row.before.benchmark == benchmark]):
            found.setdefault((row.metric, _part(row), benchmark), []).append(row)
    keys = sorted(found, key=lambda key: order.index(key[0]) if key[0] in METRICS else len(order))
    for metric, part, benchmark in keys:
        alone = sum(key[:2] == (metric, part) for key in keys) == 1
        noun = f"{noun_of(metric)}{part}"
        yield _Group(noun if alone else f"{noun} ({benchmark.replace('_', ' ')})", found[metric, part, benchmark])


def _main(rows: Rows) -> Rows:
    """Return the rows of a benchmark's main metrics; if there are none, all rows.

    Of the steps of a load the total counts only, and a whole generation only without its parts.
    """
    main = [row for row in rows if row.metric in MAIN_METRICS] or rows
    totals = {row.metric for row in main if row.phase == _TOTAL}
    metrics = {row.metric for row in main}
    if {"ttft", "itl"} <= metrics:
        main = [row for row in main if row.metric != "e2e"]
    return [row for row in main if row.metric not in totals or row.phase == _TOTAL]


def _part(row: Comparison) -> str:
    """Return in which part of the work memory is held: a load's peak says nothing about serving."""
    if quantity_of(row.metric) is not Quantity.MEMORY or not row.phase:
        return ""
    return " while loading" if row.phase == _LOAD else " while serving"

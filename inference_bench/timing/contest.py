"""Records against the first one of them, by the project's own comparison."""

from __future__ import annotations

from collections.abc import Sequence

from inference_bench.analysis.comparison import Contest, compare_all
from inference_bench.analysis.comparison_result import Comparison
from inference_bench.analysis.location_shift import needed_runs
from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.plan import Case
from inference_bench.spec import Setup
from inference_bench.timing.floor import METRIC
from inference_bench.timing.record import Record

_CASE = Case("null", "time", Setup())


def compare_records(
    records: Sequence[Record], margin: float, *, in_blocks: bool = False
) -> tuple[Comparison | None, ...]:
    """Compare each record with the first; of the first itself there is no comparison.

    Processes of one round are a pair. Below six pairs, which ranks need, the rounds are compared by Welch's test;
    records that were measured in blocks are compared as separate runs.

    Args:
        records: each with at least one process.
        margin: changes up to this fraction count as none.
        in_blocks: whether one record was measured after another.
    """
    first, *others = records
    contests = [_contest(first, other, in_blocks) for other in others]
    found = compare_all(contests, margin=margin) if contests else []
    return (None, *(row for comparisons in found for row in comparisons.rows))


def _contest(before: Record, after: Record, in_blocks: bool) -> Contest:
    common = len(before.processes.keys() & after.processes.keys())
    paired = not in_blocks and common >= needed_runs(LEVEL, paired=True)
    return Contest(_side(before), _side(after), paired=paired, in_rounds=not in_blocks and not paired)


def _side(record: Record) -> Side:
    values = {("time", number): process.figure_ns for number, process in record.processes.items()}
    return Side(record.name, (Observations(_CASE, METRIC, "", values),))

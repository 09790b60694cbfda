"""What became of a sweep, as lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference_bench.result import Status
from inference_bench.results.sweep_file import NodeStatus, ShareStatus
from inference_bench.text import one_line
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference_bench.results.storage import Folder
    from inference_bench.results.sweep_file import ShareRecord, SweepRecord


def tell_sweep(record: SweepRecord, folder: Folder) -> int:
    """Print what became of each node and share, and where it is; return the exit code."""
    for line in _lines(record, folder):
        print(line)
    return 0 if all(map(_is_good, record.shares)) else 1


def _lines(record: SweepRecord, folder: Folder) -> Iterator[str]:
    """Yield what became of each node and share, and where it is."""
    for of in record.nodes:
        if of.status is not NodeStatus.USED:
            yield f"{of.node}: {of.status.value.replace('_', ' ')}"
    for share in record.shares:
        yield f"{share.block} on {share.node or 'no node'}: {share.status.value}{_counted(share.cases)}"
        for attempt in share.attempts:
            if attempt.cause:
                yield f"  {attempt.node}: {one_line(attempt.cause)}"
        if share.run:
            yield f"  {share.run}"
    yield f"{counted(len(record.shares), 'share')} in {folder}"


def _counted(cases: Mapping[str, str]) -> str:
    found = Counter(cases.values())
    return "".join(f", {count} {status}" for status, count in sorted(found.items()))


def _is_good(share: ShareRecord) -> bool:
    bad = {status.value for status in Status if status.is_finding}
    return share.status is ShareStatus.ENDED and not bad.intersection(share.cases.values())

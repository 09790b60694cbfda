"""The requests of a load as the charts take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.errors import RunFormatError
from inference_bench.result import Requests, Stage
from inference_bench.results.parquet_table import from_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run


@dataclass(frozen=True, slots=True)
class ServedRequests:
    """The measured requests of one case, in the order of the schedule.

    Attributes:
        result: the case.
        table: the requests of all processes.
        first: rows of the first process, ascending by their planned times.
    """

    result: BenchmarkResult
    table: Requests
    first: NDArray[np.intp]

    @property
    def began_ns(self) -> int:
        """Planned time of the first request of the first process."""
        return int(self.table.planned_ns[self.first[0]])


def served_requests(run: Run) -> Iterator[ServedRequests]:
    """Yield the requests of each case that has two or more; a case whose file cannot be read is left out."""
    for result in run.results:
        if not (run.files.get(result.case.id) or {}).get("requests"):
            continue
        try:
            table = from_arrow(run.table(result, "requests"), Requests)
        except RunFormatError:
            continue
        measured = np.flatnonzero(table.stage == Stage.MEASURED.value)
        if len(measured) > 1:
            first = measured[table.run[measured] == table.run[measured].min()]
            yield ServedRequests(result, table, first[np.argsort(table.planned_ns[first], kind="stable")])


def last_served(run: Run) -> ServedRequests | None:
    """Return the requests of the last load, which has the highest rate where rates ascend; None if there is none."""
    return next(reversed(list(served_requests(run))), None)

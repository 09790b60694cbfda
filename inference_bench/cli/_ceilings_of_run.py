"""The ceilings that advice on a run is held against: stored ones, or measured now on the same machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.results.advice_file import StoredAdvice
    from inference_bench.results.run import Run


def ceilings_of_run(run: Run, former: StoredAdvice | None) -> tuple[Ceilings | None, Sequence[str]]:
    """Return the ceilings of a run's machine and device, and remarks on them."""
    if former is not None and former.ceilings:
        return former.ceilings[0], []
    return None, ["No ceilings are known of the machine that this run was measured on: run `ceilings` there."]

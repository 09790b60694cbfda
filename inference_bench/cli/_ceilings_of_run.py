"""The ceilings that advice on a run is held against: those stored of its machine, or with an earlier advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.spec import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.results.advice_file import StoredAdvice
    from inference_bench.results.run import Run

OLD_DAYS = 30
"""After this, a kernel, a neighbour or a firmware may have changed what a machine can do."""


def ceilings_of_run(run: Run, former: StoredAdvice | None) -> tuple[Ceilings | None, Sequence[str]]:
    """Return the ceilings of a run's machine and device, and remarks on them.

    A run of several devices is held against those of its first one: name the others' cases with ``--case``.
    """
    from inference_bench.results.ceilings_store import load_ceilings

    device = next((result.case.setup.device for result in run.results), "cpu")
    if device == ENDPOINT:
        return None, []
    fingerprint = str(run.record.environment.get("fingerprint", ""))
    stored = {ceilings.device: ceilings for ceilings in (former.ceilings if former else ())}
    found = load_ceilings(fingerprint, device) or stored.get(device)
    return found, _remarks(found, device)


def _remarks(found: Ceilings | None, device: str) -> Sequence[str]:
    if found is None:
        return [f"The ceilings of {device} are unknown on the machine that this run is of: run `ceilings` there."]
    age = found.age_days()
    return [f"These ceilings are {age:.0f} days old: run `ceilings` to measure them again."] if age > OLD_DAYS else []

"""The ceilings that advice on a run is held against: stored ones, or measured now on the machine of the run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.cli._messages import warn
from inference_bench.errors import InferenceBenchError
from inference_bench.spec import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.ceilings import Ceilings
    from inference_bench.results.advice_file import StoredAdvice
    from inference_bench.results.run import Run


def ceilings_of_run(run: Run, former: StoredAdvice | None) -> tuple[Ceilings | None, Sequence[str]]:
    """Return the ceilings of a run's machine and device, and remarks on them.

    Unknown ones are measured now, and old or doubtful ones if the machine is calm: only on the machine of the run, and
    if a model was counted that they are needed for. A run of several devices is held against those of its first one:
    name the others' cases with ``--case``.
    """
    from inference_bench.results.ceilings_store import ceilings_of

    device = next((result.case.setup.device for result in run.results), "cpu")
    if device == ENDPOINT:
        return None, []
    fingerprint = str(run.record.environment.get("fingerprint", ""))
    stored = {ceilings.device: ceilings for ceilings in (former.ceilings if former else ())}
    found = ceilings_of(run.record, device) or stored.get(device)
    if _is_here(fingerprint) and _needs_measuring(run, found):
        found = _measured_now(device) or found
    return found, _remarks(found, device)


def _needs_measuring(run: Run, found: Ceilings | None) -> bool:
    from inference_bench.orchestration.ceilings import is_worth_measuring

    is_counted = any("demands" in result.model for result in run.results)
    return is_counted and is_worth_measuring(found)


def _is_here(fingerprint: str) -> bool:
    from inference_bench.machine.environment import describe_environment

    return str(describe_environment().get("fingerprint")) == fingerprint


def _measured_now(device: str) -> Ceilings | None:
    """Measure and store the ceilings of a device; None if that fails, with a warning, or if known ones are better."""
    from inference_bench.orchestration.ceilings import measure_ceilings
    from inference_bench.results.ceilings_store import store_ceilings

    def note(number: int, of: int, title: str) -> None:
        print(f"measuring the ceilings of {device} [{number}/{of}] {title}", file=sys.stderr)

    try:
        found = measure_ceilings(device, note=note)
        is_stored = store_ceilings(found) is not None
    except InferenceBenchError as error:
        warn(f"the ceilings of {device} cannot be measured: {error}")
        return None
    return found if is_stored else None


def _remarks(found: Ceilings | None, device: str) -> Sequence[str]:
    from inference_bench.reports._pages.ceilings_remarks import age_remark

    if found is None:
        return [f"The ceilings of {device} are unknown on the machine that this run is of: run `ceilings` there."]
    return list(filter(None, [age_remark(found)]))

"""The calibration of this machine: load, clock, harness floor, ceilings, and the A/A floors that it has stored."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from inference_bench.calibration import Calibration, CalibrationPlan, StoredFloor
from inference_bench.ceilings import Ceilings
from inference_bench.errors import InferenceBenchError, InvalidValueError
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration.ceilings import default_sizes, is_worth_measuring, measure_ceilings
from inference_bench.orchestration.harness_floor import BENCHMARK, MODEL
from inference_bench.orchestration.load_watch import present_load
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import RunRecord
from inference_bench.results.ceilings_store import load_ceilings, store_ceilings
from inference_bench.results.noise_store import load_noise
from inference_bench.spec import Limits, Spec

_NULL_RUN = Spec(
    (MODEL,),
    (BENCHMARK,),
    axes={"input_length": (128,), "new_tokens": (32,)},
    limits=Limits(min_samples=5, warmup_iterations=0, budget_ns=1),
)
"""A run as any other, of which only its harness floor and clock are of interest."""
_FACTS: Mapping[str, tuple[str, ...]] = {
    "system": ("kernel", "hypervisor", "clocksource"),
    "cpu": ("model", "logical", "usable", "governor", "turbo", "smt"),
    "memory": ("transparent_huge_pages", "numa_nodes"),
    "python": ("version",),
}
"""What makes equal machines measure differently."""

Note = Callable[[str], None]
"""Is told what begins."""


async def calibrate(plan: CalibrationPlan, note: Note) -> Calibration:
    """Calibrate this machine; what cannot be measured becomes a problem of the calibration.

    Args:
        plan: what is measured.
        note: is told what begins.
    """
    load = present_load()
    environment = describe_environment()
    fingerprint = str(environment.get("fingerprint"))
    problems: list[str] = []
    note("the harness floor")
    record = await _null_run()
    ceilings = tuple(_each_device(plan, fingerprint, note, problems))
    floors, measured_utc = _stored_floors(fingerprint, problems)
    return Calibration(
        fingerprint=fingerprint,
        measured_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=_facts(environment),
        clock=record.clock,
        floor=record.floor,
        ceilings=ceilings,
        load=load,
        aa_floors=floors,
        aa_measured_utc=measured_utc,
        problems=tuple(problems),
    )


async def _null_run() -> RunRecord:
    with tempfile.TemporaryDirectory() as folder:
        outcome = await run_benchmarks(_NULL_RUN, output=Path(folder))
    return outcome.run.record


def _each_device(plan: CalibrationPlan, fingerprint: str, note: Note, problems: list[str]) -> Iterator[Ceilings]:
    for device in plan.devices:
        try:
            yield _ceilings(device, plan, fingerprint, note)
        except InferenceBenchError as error:
            problems.append(f"ceilings of {device}: {error}")


def _ceilings(device: str, plan: CalibrationPlan, fingerprint: str, note: Note) -> Ceilings:
    """Return the ceilings that are stored if they serve, else measure them and, unless quick, keep them."""
    threads = {1, available_cpus()} if device == "cpu" else {1}
    known = load_ceilings(fingerprint, device)
    if known is not None and known.has(threads, plan.dtypes) and not is_worth_measuring(known):
        return known

    def tell(number: int, of: int, title: str) -> None:
        note(f"{title} ({number} of {of})")

    if plan.is_quick:
        largest = default_sizes()[-1:]
        return measure_ceilings(device, threads=sorted(threads), dtypes=plan.dtypes, sizes=largest, note=tell)
    found = measure_ceilings(device, note=tell)
    with suppress(InvalidValueError):  # a node without a home folder measures them each time
        store_ceilings(found)
    return found


def _stored_floors(fingerprint: str, problems: list[str]) -> tuple[tuple[StoredFloor, ...], str]:
    """Return the A/A floors of this machine, and when the newest was measured."""
    try:
        noise = load_noise(fingerprint)
    except InferenceBenchError as error:
        problems.append(f"A/A floor: {error}")
        return (), ""
    if noise is None:
        return (), ""
    floors = (StoredFloor(*slot, noise.floor_of(slot, paired=False)) for slot in sorted(noise.cases))
    return tuple(floors), noise.measured_utc


def _facts(environment: Mapping[str, object]) -> dict[str, str]:
    """Return the facts of the machine and its software that nodes of a fleet should share."""
    found = {}
    for section, names in _FACTS.items():
        facts = environment.get(section)
        if isinstance(facts, Mapping):
            found.update({f"{section}.{name}": str(facts[name]) for name in names if name in facts})
    packages = environment.get("packages")
    if isinstance(packages, Mapping):
        found.update({f"packages.{name}": str(version) for name, version in packages.items()})
    return found

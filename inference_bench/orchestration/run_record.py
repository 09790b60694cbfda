"""What is known of a run before it begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from inference_bench.analysis.trust.environment_warnings import environment_warnings
from inference_bench.ceilings import Ceilings
from inference_bench.errors import RunFormatError
from inference_bench.facts import Environment
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration.planning import Prepared
from inference_bench.provenance.record import Provenance, code_change
from inference_bench.result import RunRecord
from inference_bench.results.ceilings_store import load_all_ceilings
from inference_bench.results.run import Run
from inference_bench.spec import Spec


def record_of(
    spec: Spec, prepared: Prepared, folder: Path, former: Run | None, done: dict[str, str], provenance: Provenance
) -> RunRecord:
    """Return what is known of a run before it begins."""
    environment = describe_environment()
    environment["warnings"] = environment_warnings(environment, max(setup.threads for setup in spec.setups))
    if former and (changed := code_change(former.record.provenance, provenance)):
        environment["warnings"].append(f"resumed although the code has changed: {changed}")
    ceilings = _known_ceilings(environment, {setup.device for setup in spec.setups})
    return RunRecord(
        id=folder.name,
        created_utc=former.record.created_utc if former else datetime.now(UTC).isoformat(timespec="seconds"),
        spec=asdict(spec),
        environment=environment,
        cases=tuple({"id": c.id, "slug": c.slug, "status": done.get(c.id, "pending")} for c in prepared.plan.cases),
        provenance=former.record.provenance if former else provenance,
        ceilings=former.record.ceilings if former else ceilings,
    )


def _known_ceilings(environment: Environment, devices: Collection[str]) -> tuple[Ceilings, ...]:
    """Return the stored ceilings of these devices; a file that cannot be read becomes a warning."""
    try:
        known = load_all_ceilings(str(environment.get("fingerprint")))
    except RunFormatError as error:
        environment["warnings"].append(str(error))
        return ()
    return tuple(of for name, of in known.items() if name in devices)

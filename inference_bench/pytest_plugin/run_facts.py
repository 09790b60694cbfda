"""What is saved of a run beside its medians: date, machine, commit and versions."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from inference_bench.machine.environment import describe_environment
from inference_bench.provenance.reading import describe_code


def machine_fingerprint() -> str:
    """Return the fingerprint of this machine."""
    return describe_environment()["fingerprint"]


def describe_run(folder: Path) -> dict[str, object]:
    """Return the facts of a run that begins now.

    Args:
        folder: of the code that is tested.
    """
    environment = describe_environment()
    code = describe_code(folder)
    packages = {str(each.metadata["Name"]): each.version for each in distributions()}
    return {
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": environment["fingerprint"],
        "cpu": environment.get("cpu", {}).get("model"),
        "commit": code.commit if code else None,
        "branch": code.branch if code else None,
        "changed_files": code.changed_files if code else None,
        "changes_digest": code.changes_digest if code else None,
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items())),
    }

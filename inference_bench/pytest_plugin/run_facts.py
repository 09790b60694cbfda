"""What is saved of a run beside its medians: date, machine, commit and versions."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from inference_bench.machine.commit import describe_commit
from inference_bench.machine.environment import describe_environment


def machine_fingerprint() -> str:
    """Return the fingerprint of this machine."""
    return describe_environment()["fingerprint"]


def describe_run(folder: Path) -> dict[str, object]:
    """Return the facts of a run that begins now.

    Args:
        folder: of the code that is tested.
    """
    environment = describe_environment()
    packages = {str(each.metadata["Name"]): each.version for each in distributions()}
    return {
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": environment["fingerprint"],
        "cpu": environment.get("cpu", {}).get("model"),
        **(describe_commit(folder) or {"commit": None, "dirty": None}),
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items())),
    }

"""The comparison that the runs of a dossier allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inference_bench.analysis.matching import fields_of
from inference_bench.dossier.layout import NOISE
from inference_bench.errors import UsageError
from inference_bench.results.axis_sides import split_by_axis
from inference_bench.results.noise_store import read_noise
from inference_bench.results.pairing import PairedRuns, read_pairing
from inference_bench.results.run import Run
from inference_bench.results.run_comparison import (
    ComparisonOptions,
    RunComparison,
    RunSide,
    check_common_machine,
    compare_runs,
)
from inference_bench.spec import SETUP_AXES

_AXES = ("model", *SETUP_AXES)


def comparison_of(folder: Path, runs: Sequence[Run]) -> RunComparison | None:
    """Return the comparison of the runs, or None if they allow none.

    Runs of one interleaved measurement are its sides. Other runs are compared with the first. A single run is compared
    along the one axis in which its set-ups differ.

    Args:
        folder: of the dossier.
        runs: in the order in which they are compared.
    """
    found = _sides(runs)
    if found is None:
        return None
    sides, options = found
    try:
        check_common_machine(sides)
    except UsageError:
        return None
    compared = compare_runs(sides, replace(options, noise=read_noise(folder / NOISE)))
    return compared if any(of.rows or of.regressions for of in compared.compared) else None


def _sides(runs: Sequence[Run]) -> tuple[Sequence[RunSide], ComparisonOptions] | None:
    if len(runs) == 1:
        return _along_an_axis(runs[0])
    pairing = _pairing(runs)
    if pairing:
        by_folder = {run.folder: run for run in runs}
        sides = zip(pairing.names, pairing.folders, strict=True)
        return [RunSide(name, (by_folder[folder],)) for name, folder in sides], ComparisonOptions()
    return [RunSide(run.record.provenance.label or run.record.id, (run,)) for run in runs], ComparisonOptions()


def _along_an_axis(run: Run) -> tuple[Sequence[RunSide], ComparisonOptions] | None:
    fields = [fields_of(result.case) for result in run.results]
    varying = [name for name in _AXES if len({of.get(name) for of in fields}) > 1]
    if len(varying) != 1:
        return None
    axis = split_by_axis([run], varying[0])
    return axis.sides, ComparisonOptions(paired=False, by=axis.field, in_rounds=axis.in_rounds)


def _pairing(runs: Sequence[Run]) -> PairedRuns | None:
    """Return the interleaved measurement that all runs together are."""
    folders = {run.folder for run in runs if run.folder is not None}
    parents = {folder.parent for folder in folders}
    found = read_pairing(parents.pop()) if len(parents) == 1 else None
    return found if found is not None and set(found.folders) == folders else None

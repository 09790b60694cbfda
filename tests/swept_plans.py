"""One plan measured in two ways: as a run of this machine, and as a sweep by a placement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from inference_bench.orchestration.placement.placement import open_placement
from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.orchestration.sweep import Sweep, SweepRequest, new_sweep, share_records
from inference_bench.results.run import Run
from inference_bench.results.storage import RUN, StoredPath
from inference_bench.results.sweep_file import SweepRecord
from inference_bench.spec import Limits, Spec

COUNTED = Limits(min_samples=8, max_samples=8, budget_ns=60_000_000_000)
"""Limits that only the number of samples meets: every process has as many."""


def measured(spec: Spec, output: Path, models_dirs: Sequence[Path] = ()) -> Run:
    """Measure a plan in one run on this machine."""
    return asyncio.run(run_benchmarks(spec, output=output, models_dirs=models_dirs)).run


def swept(spec: Spec, store: StoredPath, on: str, models_dirs: Sequence[Path] = ()) -> tuple[StoredPath, SweepRecord]:
    """Measure a plan as a sweep on every node of a placement; return where it is stored, and its record."""

    async def carry_out() -> tuple[StoredPath, SweepRecord]:
        placement = open_placement(on)
        try:
            nodes = await placement.open(None)
            shares = share_records(shares_of(spec, len(nodes)))
            record = new_sweep("20261127T120000Z-0000aa-sweep", on, shares, seed=0, copies=len(nodes))
            folder = store / f"{RUN}{record.id}"
            sweep = Sweep(folder, record, SweepRequest(models_dirs), placement, Progress())
            return folder, await sweep.carry_out(nodes)
        finally:
            await placement.close()

    return asyncio.run(carry_out())

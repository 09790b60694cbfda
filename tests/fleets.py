"""Sweeps with known times, on nodes that there are not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.placements.local import LocalPlacement
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.sweep import Sweep, SweepRequest, new_sweep, share_records
from inference_bench.provenance.record import Provenance
from inference_bench.result import BenchmarkResult, RunRecord
from inference_bench.results.storage import Folder
from inference_bench.results.sweep_file import ShareRecord, ShareStatus, SweepRecord, write_sweep
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.testing import make_case, make_record, make_result, write_run

MS = 1_000_000


def timed(ms: float, dtype: str = "float32", runs: int = 6) -> BenchmarkResult:
    """Return a case whose run medians lie close around ``ms``."""
    values = [[round(ms * MS * (1 + number / 2000))] * 40 for number in range(runs)]
    return make_result({"ttft": values}, case=make_case(setup=Setup(dtype=dtype, threads=2)))


def record_on(fingerprint: str, *results: BenchmarkResult, id: str, **provenance: object) -> RunRecord:
    """Return the record of a run on a machine."""
    record = make_record(*results, id=id)
    environment = {**record.environment, "fingerprint": fingerprint}
    return replace(record, environment=environment, provenance=Provenance(**provenance))  # type: ignore[arg-type]


def write_fleet(
    folder: Path, times: Mapping[str, Mapping[str, float]], *, lost: str = "", hardware: str = "equal"
) -> Path:
    """Write a sweep of one model, and return its folder.

    Args:
        folder: of the sweep; its name is its id.
        times: node → dtype → time, milliseconds.
        lost: a node that died in its share.
        hardware: fingerprint of all nodes.
    """
    shares = []
    for number, (node, of_node) in enumerate(times.items()):
        tags = {"sweep": folder.name, "share": f"{number:03}", "node": node}
        results = [timed(ms, dtype) for dtype, ms in of_node.items()]
        record = record_on(hardware, *results, id=f"{folder.name}-{number}", tags=tags)
        run = write_run(folder, *results, record=record)
        status = ShareStatus.NODE_LOST if node == lost else ShareStatus.ENDED
        cases = {result.case.slug: "ok" for result in results}
        shares.append(ShareRecord("example", number, {}, status, node, str(run.folder), cases))
    write_sweep(folder, SweepRecord(folder.name, "2026-01-01T00:00:00+00:00", "test", 0, len(times), tuple(shares)))
    return folder


def write_plain(folder: Path, fingerprint: str, ms: float, id: str = "20260101T000000Z-000001") -> Path:
    """Write a run that is no share of a sweep, and return its folder."""
    result = timed(ms)
    run = write_run(folder, result, record=record_on(fingerprint, result, id=id))
    assert isinstance(run.folder, Path)
    return run.folder


def measure_fleet(folder: Folder, models: Path, nodes: Sequence[str]) -> SweepRecord:
    """Carry out a sweep of a fast model in two set-ups on this machine, as if it were several nodes."""
    setups = tuple(Setup(threads=threads) for threads in (1, 2))
    limits = Limits(min_samples=5, budget_ns=20_000_000)
    axes = {"input_length": (8,), "new_tokens": (4,)}
    spec = Spec(("good",), ("inference_speed",), setups, axes, runs=1, limits=limits)
    shares = share_records(shares_of(spec, len(nodes)))
    record = new_sweep(folder.name.removeprefix("run_id="), "test", shares, seed=0, copies=len(nodes))
    sweep = Sweep(folder, record, SweepRequest([models]), LocalPlacement(), Progress())
    return asyncio.run(sweep.carry_out(nodes))

"""A sweep of any size in the real format: one real case of the null model, repeated under other parameters.

Every file is written by the writers of the package and stored by its upload. Only the documents are written once per
share, not after each case: that is what a sweep looks like when it has ended.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from unittest.mock import patch

from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.orchestration.sweep import new_sweep, share_records
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, RunRecord, Samples
from inference_bench.results.parquet_table import from_arrow
from inference_bench.results.raw_tables import make_folders, write_tables
from inference_bench.results.results_document import entry, write_documents
from inference_bench.results.run_folder import files_of
from inference_bench.results.sink import open_sinks
from inference_bench.results.storage import NODE, Folder, StoredPath
from inference_bench.results.sweep_file import ShareRecord, ShareStatus, SweepRecord, write_sweep
from inference_bench.results.upload import Upload
from inference_bench.spec import Limits, Setup, Spec

NODES = ("n1", "n2", "n3")
_BENCHMARK = "inference_speed"
_MODELS, _THREADS = 20, (1, 2, 3, 4, 5)
SMALLEST = _MODELS * len(_THREADS)
"""Cases of the smallest sweep; larger ones are multiples."""
_LIMITS = Limits(min_samples=200, max_samples=200)
"""As many samples as a model has in a process: the null model, which does nothing, would have a hundred thousand."""
IDENTITY = "20261127T120000Z-5ca1ed-sweep"


def spec_of(cases: int) -> Spec:
    """Return the request of a sweep: 20 models, 5 set-ups, and parameters for the rest."""
    lengths = tuple(range(1, cases // SMALLEST + 1))
    models = tuple(f"model_{number:02}" for number in range(_MODELS))
    setups = tuple(Setup(threads=threads) for threads in _THREADS)
    return Spec(models, (_BENCHMARK,), setups, {"input_length": lengths, "new_tokens": (4,)})


def measured(folder: Path) -> tuple[RunRecord, BenchmarkResult]:
    """Measure one case of the null model, in two processes, and return its run and its result with samples."""
    axes = {"input_length": (8,), "new_tokens": (4,)}
    spec = Spec(("null",), (_BENCHMARK,), axes=axes, runs=2, limits=_LIMITS)
    run = asyncio.run(run_benchmarks(spec, output=folder)).run
    (result,) = run.results
    return run.record, replace(result, samples=from_arrow(run.samples(result), Samples))


def write_sweep_of(spec: Spec, folder: Path, like: tuple[RunRecord, BenchmarkResult]) -> SweepRecord:
    """Write a sweep that has ended into a folder, every case of it like a measured one, and return its record."""
    shares = []
    with patch("os.fsync"):  # how durable it is does not matter here, and takes minutes
        for number, share in enumerate(share_records(shares_of(spec, 1))):
            node = NODES[number % len(NODES)]
            run = folder / f"20261127T1200{number:02}Z-{number:06x}"
            cases = list(_cases(spec, share.block))
            _write_run(run, cases, like, {"sweep": folder.name, "share": f"{number:03}", "node": node})
            ended = {case.slug: "ok" for case in cases}
            shares.append(replace(share, status=ShareStatus.ENDED, node=node, run=str(run), cases=ended))
        return _write_record(folder, shares)


def store_sweep(record: SweepRecord, target: StoredPath) -> SweepRecord:
    """Copy a sweep to a store as its shares do, and return its record there."""

    def store(number: int, share: ShareRecord) -> ShareRecord:
        place = target / f"{NODE}{share.node}" / f"share={number:03}"
        Upload(Path(share.run), place).complete()
        return replace(share, run=str(place))

    with ThreadPoolExecutor(len(NODES)) as nodes:
        return _write_record(target, list(nodes.map(store, *zip(*enumerate(record.shares), strict=True))))


@contextmanager
def object_server() -> Iterator[str]:
    """Run moto's S3 server in a process of its own, with a bucket ``runs``; yield what names it in an address."""
    from pyarrow.fs import S3FileSystem

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        endpoint = f"127.0.0.1:{port}"
        store = S3FileSystem(endpoint_override=endpoint, scheme="http", region="us-east-1", allow_bucket_creation=True)
        store.create_dir("runs")
        yield f"?endpoint_override={endpoint}&scheme=http"
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("moto's server does not answer within 30 s")


def _cases(spec: Spec, model: str) -> Iterator[Case]:
    names = list(spec.axes)
    for setup, values in product(spec.setups, product(*spec.axes.values())):
        yield Case(model, _BENCHMARK, setup, dict(zip(names, values, strict=True)))


def _write_run(
    folder: Path, cases: Sequence[Case], like: tuple[RunRecord, BenchmarkResult], tags: dict[str, str]
) -> None:
    former, result = like
    results = [replace(result, case=case) for case in cases]
    record = replace(
        former,
        id=folder.name,
        cases=tuple({"id": case.id, "slug": case.slug, "status": "ok"} for case in cases),
        provenance=replace(former.provenance, tags=tags),
    )
    folder.mkdir(parents=True)
    make_folders(folder)
    for each in results:
        write_tables(folder, each, record)
    write_documents(folder, record, [entry(each, files_of(each)) for each in results])
    open_sinks(folder, ["csv", "summaries"]).begin(record)


def _write_record(folder: Folder, shares: Sequence[ShareRecord]) -> SweepRecord:
    record = replace(new_sweep(IDENTITY, "ray", shares, seed=0, copies=1), created_utc="2026-11-27T12:00:00+00:00")
    write_sweep(folder, record)
    return record

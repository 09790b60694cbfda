"""Whether the data set of a sweep on a store is what was planned: nothing lost, nothing twice, for all readers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

from inference_bench.columns import TABLES
from inference_bench.orchestration.planning import prepare
from inference_bench.results.discovery import find_runs
from inference_bench.results.run import Run, load_run
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.storage import StoredPath, stored_place
from inference_bench.results.sweep_file import SWEEP, ShareRecord, ShareStatus, SweepRecord, read_sweep

Rows = Counter[tuple[str, int, str]]
"""(node, share, case) → rows of samples."""


def assert_whole(sweep: StoredPath, models: Path) -> SweepRecord:
    """Each planned case of each share is in the data set exactly once, and all that read it agree."""
    record = read_sweep(sweep)
    places = [(share.block, share.copy) for share in record.shares]
    assert len(set(places)) == len(places)
    assert [share.status for share in record.shares] == [ShareStatus.ENDED] * len(places), record
    assert sorted(map(str, find_runs(str(sweep)))) == sorted(share.run for share in record.shares)
    ours: Rows = Counter()
    for number, share in enumerate(record.shares):
        run = load_run(share.run)
        _assert_is_planned(run, share, number, models)
        _assert_stored_exactly(stored_place(share.run))
        ours += _rows(run, share.node, number)
    assert _rows_of_others(sweep) == ours
    return record


def assert_readable(sweep: StoredPath) -> set[tuple[str, str]]:
    """Every run that is there can be read with all its tables, now; return (run, case) of each case that has ended."""
    ended = set()
    for place in find_runs(str(sweep)) if any(name.endswith("/run.json") for name in sweep.files()) else ():
        run = load_run(place)
        _rows(run, "", 0)
        ended |= {(run.record.id, result.case.id) for result in run.results}
    return ended


def sweeps_in(root: StoredPath) -> list[StoredPath]:
    """Return the sweeps in a folder of a store."""
    return [place for place in root.iterdir() if (place / SWEEP).is_file()]


def _assert_is_planned(run: Run, share: ShareRecord, number: int, models: Path) -> None:
    planned = sorted(case.id for case in prepare(spec_from_plain(share.spec, "share"), [models]).plan.cases)
    assert run.record.finished
    assert sorted(result.case.id for result in run.results) == planned
    assert sorted(case["id"] for case in run.record.cases) == planned
    assert share.cases == {result.case.slug: result.status.value for result in run.results}
    tags = run.record.provenance.tags
    assert (tags["node"], tags["share"]) == (share.node, f"{number:03}")


def _assert_stored_exactly(place: StoredPath) -> None:
    """Every table that the manifest names is there, with the content that its name tells, and no other."""
    document = json.loads((place / "results.json").read_bytes())
    named = {entry[table] for entry in document["results"] for table in TABLES if entry.get(table)}
    assert {name for name in place.files() if name.partition("/")[0] in TABLES} == named
    sizes = place.sizes()
    for name in named:
        content = (place / name).read_bytes()
        assert len(content) == sizes[name]
        assert Path(name).stem.rpartition("-")[2] == hashlib.sha256(content).hexdigest()[:12]


def _rows(run: Run, node: str, number: int) -> Rows:
    """Return the rows of samples of each case by our own readers, having read every other table, too."""
    found: Rows = Counter()
    for case, files in run.files.items():
        for table in (name for name in TABLES if files[name] is not None):
            rows = run.table(case, table).num_rows
            assert rows > 0
            if table == "samples":
                found[node, number, case] = rows
    return found


def _rows_of_others(sweep: StoredPath) -> Rows:
    """Return the same by DuckDB over an Arrow data set, which look at names of objects, and at no manifest."""
    import duckdb
    import pyarrow.dataset as ds

    names = [str(sweep.path / name) for name in sweep.files() if "/samples/" in name]
    base = str(sweep.path)
    stored = ds.dataset(names, filesystem=sweep.filesystem, partitioning="hive", partition_base_dir=base)
    with duckdb.connect() as connection:
        connection.register("stored", stored)
        rows = connection.sql("SELECT node, share, case_id, count(*) FROM stored GROUP BY ALL").fetchall()
    found: Rows = Counter({(node, int(share), case): count for node, share, case, count in rows})
    assert stored.count_rows() == found.total()
    return found

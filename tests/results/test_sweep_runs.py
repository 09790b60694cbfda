"""What is in the folder of a sweep besides what ``sweep.json`` names."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.placements.local import LocalPlacement
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.sweep import Sweep, SweepRequest, new_sweep, share_records
from inference_bench.results.discovery import find_runs
from inference_bench.results.run import load_run
from inference_bench.results.storage import StoredPath
from inference_bench.results.sweep_figures import read_figures
from inference_bench.results.sweep_file import ShareStatus, read_sweep, write_sweep
from inference_bench.results.sweep_runs import delete_leftovers, share_places, stored_share, take_in
from inference_bench.results.upload import Upload
from inference_bench.spec import Limits, Spec

SPEC = Spec(
    ("null",),
    ("inference_speed",),
    axes={"input_length": (8,), "new_tokens": (4,)},
    limits=Limits(min_samples=5, budget_ns=20_000_000),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two copies of a block; both are on one node, because there is only one."""
    folder = tmp_path_factory.mktemp("measured") / "x-sweep"
    folder.mkdir()
    record = new_sweep(folder.name, "local", share_records(shares_of(SPEC, 2)), seed=0, copies=2)
    asyncio.run(Sweep(folder, record, SweepRequest(), LocalPlacement(), Progress()).carry_out(["n1"]))
    return folder


@pytest.fixture(params=["disk", "store"])
def folder(request, store, tmp_path, measured):
    """A sweep of the test's own, on a disk or on a store, where shares have other places."""
    if request.param == "disk":
        return Path(shutil.copytree(measured, tmp_path / "x-sweep"))
    folder = store.place("team") / "run_id=x-sweep"
    record = read_sweep(measured)
    shares = []
    for number, share in enumerate(record.shares):
        place = stored_share(folder, share.node, number)
        Upload(Path(share.run), place).complete()
        shares.append(replace(share, run=str(place)))
    write_sweep(folder, replace(record, shares=tuple(shares)))
    return folder


def pending(record, number, **changed):
    """Return the record as it was before a share ended."""
    former = replace(record.shares[number], status=ShareStatus.PENDING, node="", run="", cases={}, attempts=())
    shares = list(record.shares)
    shares[number] = replace(former, **changed)
    return replace(record, shares=tuple(shares))


def test_a_share_whose_end_nobody_recorded_is_taken_in(folder):
    record = read_sweep(folder)
    places = list(share_places(folder, record))
    assert sorted((place.number, place.node) for place in places) == [(0, "n1"), (1, "n1")]
    assert take_in(folder, record) == record
    assert take_in(folder, pending(record, 1)) == record


def test_a_run_that_is_not_finished_is_not_taken_in(folder):
    record = read_sweep(folder)
    path = record.shares[1].run
    (place,) = [found for found in find_runs(str(folder)) if str(found) == path]
    content = (place / "run.json").read_bytes()
    assert b'"finished":true' in content.replace(b" ", b"")
    (place / "run.json").write_bytes(
        content.replace(b'"finished": true', b'"finished": false').replace(b'"finished":true', b'"finished":false')
    )
    before = pending(record, 1)
    assert take_in(folder, before) == before


def test_what_is_left_of_a_share_that_was_measured_elsewhere_is_deleted(folder):
    record = read_sweep(folder)
    kept, left = (share.run for share in record.shares)
    elsewhere = replace(record, shares=(record.shares[0], replace(record.shares[1], node="n2", run="elsewhere")))
    delete_leftovers(folder, elsewhere)
    assert [str(found) for found in find_runs(str(folder))] == [kept]
    assert left not in map(str, folder.iterdir())
    assert load_run(kept).record.finished


def test_what_is_left_of_a_share_that_has_not_ended_stays(folder):
    record = read_sweep(folder)
    delete_leftovers(folder, pending(record, 1, status=ShareStatus.NODE_LOST, node="n2"))
    delete_leftovers(folder, record)
    assert len(find_runs(str(folder))) == 2


def move(folder):
    """Move the folder of a sweep to another name, and return that."""
    if not isinstance(folder, StoredPath):
        return folder.rename(folder.with_name("renamed"))
    there = folder.parent / "copies" / folder.name
    for name in folder.files():
        (there / name).write_bytes((folder / name).read_bytes())
        (folder / name).unlink()
    return there


def test_a_sweep_that_was_moved_finds_its_runs(folder):
    before = read_figures(folder, pytest.fail)

    moved = move(folder)

    after = read_figures(moved, pytest.fail)
    assert len(after.runs["n1"]) == 2
    assert after.rows == before.rows
    assert all(share.run.startswith(str(moved).partition("?")[0]) for share in after.record.shares)
    assert take_in(moved, after.record) == after.record == read_sweep(moved)


def test_a_run_outside_of_the_folder_of_its_sweep_is_left_where_it_is(tmp_path):
    folder = tmp_path / "x-sweep"
    folder.mkdir()
    record = new_sweep("x-sweep", "local", share_records(shares_of(SPEC, 1)), seed=0, copies=1)
    elsewhere = replace(record, shares=(replace(record.shares[0], run="/elsewhere/run"),))
    write_sweep(folder, elsewhere)
    assert read_sweep(folder) == elsewhere

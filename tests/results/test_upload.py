"""A run copied to a store: what a reader sees at every instant, and what is never mixed."""

import json
import shutil
from contextlib import suppress

import pytest

from inference_bench.columns import TABLES
from inference_bench.errors import RunFormatError, StorageError
from inference_bench.results.discovery import find_runs
from inference_bench.results.run import load_run
from inference_bench.results.selectors import select_run
from inference_bench.results.sink import load_sink, open_sinks
from inference_bench.results.tables import load_runs
from inference_bench.results.upload import ForeignRunError, Upload, fetch_run, target_of, this_node
from tests.null_runs import write_null_runs
from tests.object_store import object_store


@pytest.fixture(scope="module")
def server():
    with object_store() as running:
        yield running


@pytest.fixture
def store(server):
    server.empty()
    return server


@pytest.fixture
def folder(tmp_path):
    return next(write_null_runs(tmp_path / "runs", 1).iterdir())


def upload(folder, store, prefix=""):
    return Upload(folder, target_of(store.place(prefix), folder.name))


def assert_same(run, other):
    assert run.record == other.record
    assert run.results == other.results
    for case, files in run.files.items():
        for table in (name for name in TABLES if files[name] is not None):
            assert run.table(case, table).equals(other.table(case, table))


def without_case(folder, copy):
    """Copy a run as it was before its last case ended."""
    shutil.copytree(folder, copy)
    results, record = (json.loads((copy / name).read_text()) for name in ("results.json", "run.json"))
    lost = results["results"].pop()
    record["finished"] = False
    for case in record["cases"]:
        case["status"] = "pending" if case["id"] == lost["case"]["id"] else case["status"]
    (copy / "results.json").write_text(json.dumps(results))
    (copy / "run.json").write_text(json.dumps(record))
    return copy


def test_a_stored_run_is_the_run(store, folder):
    upload(folder, store, "team").complete()
    where = f"run_id={folder.name}/node={this_node()}"
    assert all(name.startswith(f"{where}/") for name in store.objects("team"))
    assert_same(load_run(folder), load_run(store.address(f"team/{where}")))
    assert_same(load_run(folder), load_run(store.address("team")))


def test_other_tools_read_the_tables_of_a_store(store, folder):
    """pandas, and DuckDB over an Arrow data set: nodes and runs are partitions of it."""
    import duckdb
    import pandas as pd
    import pyarrow.dataset as ds

    upload(folder, store, "team").complete()
    run = load_run(folder)
    ours = sum(run.samples(result).num_rows for result in run.results)
    place = store.place("team")
    names = [str(place.path / name) for name in place.files() if "/samples/" in name]
    assert sum(len(pd.read_parquet(name, filesystem=place.filesystem)) for name in names) == ours
    base = str(place.path)
    stored = ds.dataset(names, filesystem=place.filesystem, partitioning="hive", partition_base_dir=base)
    with duckdb.connect() as connection:
        connection.register("stored", stored)
        counted = connection.sql("SELECT run_id, node, count(*) FROM stored GROUP BY ALL").fetchall()
    assert counted == [(folder.name, this_node(), ours)]


def test_stored_runs_are_found_by_address_and_by_selector(store, folder, tmp_path):
    shutil.rmtree(tmp_path / "runs")
    older, newer = sorted(write_null_runs(tmp_path / "two", 2).iterdir())
    for each in (older, newer):
        upload(each, store, "team").complete()
    root = store.place("team")
    assert [load_run(found).record.id for found in find_runs(str(root))] == [older.name, newer.name]
    named = {
        word: load_run(select_run(word, root)).record.id for word in ("latest", "latest~1", older.name[:-1], str(root))
    }
    assert named == {"latest": newer.name, "latest~1": older.name, older.name[:-1]: older.name, str(root): newer.name}
    assert set(load_runs(str(root)).samples.column("run_id").to_pylist()) == {older.name, newer.name}
    with pytest.raises(RunFormatError, match="holds 2 runs"):
        load_run(root)


def test_a_place_without_runs_says_so(store):
    with pytest.raises(RunFormatError, match="no such folder"):
        find_runs(store.address("none"))
    with pytest.raises(RunFormatError, match="no such folder"):
        load_run(store.address("none"))


def test_nothing_is_stored_twice(store, folder):
    uploading = upload(folder, store)
    uploading.update()
    tables = [name for name in store.objects() if "/samples/" in name]
    uploading.update()
    upload(folder, store).update()  # a later process
    assert [name for name in store.objects() if "/samples/" in name] == tables
    assert len(tables) == len(set(tables)) == 2


@pytest.mark.parametrize("cut", range(12))
def test_a_reader_sees_whole_cases_at_every_instant(store, folder, tmp_path, cut):
    """The upload of a second case is cut off at each of its requests: a reader has one whole case or two."""
    former = without_case(folder, tmp_path / "former" / folder.name)
    upload(former, store).update()
    begun = store.writes

    def refuse_from_here():
        store.refusal = "503 Slow Down" if store.writes - begun > cut else None

    store.on_write = refuse_from_here
    uploading = upload(folder, store)
    with suppress(StorageError):
        uploading.update()
    store.answer()

    seen = load_run(store.address())
    assert len(seen.results) in (1, 2)
    for result in seen.results:
        assert seen.samples(result).equals(load_run(folder).samples(result.case.id))
    assert sum(case["status"] != "pending" for case in seen.record.cases) <= len(seen.results)
    uploading.complete()
    assert_same(load_run(folder), load_run(store.address()))


def test_the_samples_of_a_case_that_is_measured_again_replace_the_old_ones_at_the_end(store, folder):
    uploading = upload(folder, store)
    uploading.update()
    (file,) = list(folder.glob("samples/*=8-*.parquet"))
    (other,) = list(folder.glob("samples/*=16-*.parquet"))
    shutil.copy(other, file)  # other samples under the name of the case
    uploading.update()
    assert len([name for name in store.objects() if "/samples/" in name]) == 3  # a reader may have the old names
    uploading.complete()
    assert len([name for name in store.objects() if "/samples/" in name]) == 2
    assert_same(load_run(folder), load_run(store.address()))


def test_another_run_is_not_written_over(store, tmp_path):
    one, other = sorted(write_null_runs(tmp_path, 2).iterdir())
    place = store.place("run_id=x/node=y")
    Upload(one, place).complete()
    before = store.objects()
    with pytest.raises(ForeignRunError, match=f"it holds another run .{one.name}.*choose another address"):
        Upload(other, place).update()
    assert store.objects() == before


def test_a_former_copy_of_a_run_does_not_take_cases_away(store, folder, tmp_path):
    former = without_case(folder, tmp_path / "former" / folder.name)
    upload(folder, store).complete()
    before = store.objects()
    with pytest.raises(ForeignRunError, match="has more of this run"):
        upload(former, store).update()
    assert store.objects() == before


def test_two_processes_do_not_write_one_run_in_turn(store, folder):
    first, second = upload(folder, store), upload(folder, store)
    first.update()
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "finished": False}))
    second.update()
    with pytest.raises(ForeignRunError, match="another process writes this run"):
        first.update()


def test_a_stored_run_is_fetched_once(store, folder, tmp_path):
    upload(folder, store).complete()
    source = select_run("latest", store.place())
    copy = fetch_run(source, tmp_path / "elsewhere")
    assert copy == tmp_path / "elsewhere" / folder.name
    assert_same(load_run(folder), load_run(copy))
    (copy / "mark").touch()
    assert fetch_run(source, tmp_path / "elsewhere") == copy
    assert (copy / "mark").exists()
    Upload(copy, source).complete()  # back, under the names that it had
    assert_same(load_run(folder), load_run(source))


def test_a_store_that_does_not_answer_costs_no_case(store, folder):
    record = load_run(folder).record
    sink = open_sinks(folder, [store.address()])
    store.refusal = "503 Slow Down"
    sink.begin(record)
    sink.write(load_run(folder).results[0], record)
    sink.finish(record)
    assert "the store is unavailable" in sink.catch_up()
    store.refusal = None
    assert sink.catch_up() == ""
    assert_same(load_run(folder), load_run(store.address()))


def test_after_a_refusal_the_next_case_does_not_wait_for_the_store(store, folder):
    record = load_run(folder).record
    sink = open_sinks(folder, [store.address()])
    store.refusal = "503 Slow Down"
    sink.begin(record)
    asked = store.writes
    sink.write(load_run(folder).results[0], record)
    assert store.writes == asked


def test_the_sink_of_stores_needs_an_address():
    with pytest.raises(Exception, match="--sink s3://bucket/prefix"):
        load_sink("storage").check()


def test_a_table_that_was_cut_off_on_its_way_is_written_again(store, folder):
    """A later process finds an object with the right name and a part of the content."""
    uploading = upload(folder, store)
    uploading.update()
    (name,) = [name for name in store.objects() if "/samples/" in name and "=8-" in name]
    whole = store.objects()[name]
    (store.place() / name).write_bytes(whole[:100])
    upload(folder, store).update()
    assert store.objects()[name] == whole


def test_a_run_that_was_deleted_in_the_store_is_not_brought_back(store, folder):
    uploading = upload(folder, store)
    uploading.update()
    for name in store.objects():
        (store.place() / name).unlink()
    for bring in (uploading.update, uploading.complete):
        with pytest.raises(ForeignRunError, match="deleted there"):
            bring()
    assert not store.objects()


def test_a_first_try_that_failed_half_way_is_no_sign_of_a_deleted_run(store, folder):
    begun = store.writes

    def refuse_the_record():
        store.refusal = "503 Slow Down" if store.writes - begun > 4 else None

    store.on_write = refuse_the_record
    uploading = upload(folder, store)
    with pytest.raises(StorageError):
        uploading.update()
    store.answer()
    uploading.complete()
    assert_same(load_run(folder), load_run(store.address()))

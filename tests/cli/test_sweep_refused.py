"""Sweeps that cannot be carried out: one line that says what was given, what was expected and what to do."""

import sys
from dataclasses import replace

import pytest

from inference_bench.orchestration.placement import code_folder
from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.sweep import new_sweep, share_records
from inference_bench.provenance.record import Provenance
from inference_bench.results.run_folder import locked
from inference_bench.results.sweep_file import SWEEP, ShareStatus, read_sweep, write_sweep
from inference_bench.spec import Spec
from inference_bench.testing import make_result, write_run
from tests.command_line import WIDTH, assert_refused, call

ON = "run --model null --on"
REFUSED = {
    f"{ON} local --nodes 2": ["--nodes: got 2, expected 1 with --on local", "other machines: --on ray"],
    f"{ON} local --nodes 0": ["nodes: got '0', expected a whole number of at least 1"],
    f"{ON} local --copies 2": ["--copies: got 2, expected at most the 1 node"],
    f"{ON} local --copies 0": ["copies: got '0', expected a whole number of at least 1"],
    f"{ON} local://head": ["--on: got 'local://head', expected local", "--on ray://HOST:PORT"],
    f"{ON} rya": ["unknown placement 'rya': did you mean 'ray'? Known: local, ray"],
    f"{ON} local --sink mlflow": ["--sink: got ['mlflow'], expected no --sink with --on", "--resume RUN --sink NAME"],
    f"{ON} local --slo ttft.p99<=1s": ["--slo: got", "expected no --slo with --on", "`check` or `report`"],
    f"{ON} local --json": ["--format: got 'json', expected no --format with --on", "`report SWEEP`"],
    f"{ON} local --export json=x.json": ["expected no --export with --on"],
    f"{ON} local --isolation inline": ["expected no --isolation with --on", "processes of its own"],
    f"{ON} local --retry-failed": ["expected no --retry-failed with --on", "--resume"],
    f"{ON} local --endpoint-key-variable KEY": ["expected no --endpoint-key-variable with --on"],
    f"{ON} local --ab threads=1 threads=2": ["--on: got 'local', expected no --on with --ab"],
    f"{ON} local --models-dir nowhere": ["models folder: got 'nowhere', expected an existing folder"],
    f"{ON} local --models-dir large": ["folder of code: got 'large', expected at most 4", "nothing but models"],
    f"{ON} local -o /dev/null/results": ["output folder: got '/dev/null/results'", "--output"],
    "run --model null --nodes 2": ["--nodes: got 2, expected no --nodes without --on"],
    "run --model null --copies 2": ["--copies: got 2, expected no --copies without --on"],
    "ab threads=1 threads=2 --on local": ["unknown option '--on'"],
    "run --resume sweep --dtype bfloat16": ["options with --resume: got '--dtype'", "start a new run"],
    "run --resume sweep --copies 2": ["options with --resume: got '--copies'"],
    "run --resume sweep --retry-failed": ["expected no --retry-failed with --resume of a sweep", "--retry-failed"],
    "run --resume sweep --sink wandb": ["expected no --sink with --resume of a sweep"],
    "run --resume sweep --on rya": ["unknown placement 'rya'"],
    "run --resume sweep --nodes 3": ["--nodes: got 3, expected 1 with --on local"],
    "run --resume sweep --models-dir large": ["folder of code: got 'large'"],
    "run --resume sweep --models-dir other": ["code of models and benchmarks: got", "expected none", "--force"],
    "run --resume finished --on ray": ["--on: got 'ray', expected no --on: finished is a run, and no sweep"],
    "run --resume finished --nodes 2": ["--nodes: got 2, expected no --nodes: finished is a run"],
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a sweep that has not ended, a run, and folders of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", WIDTH)
    monkeypatch.setenv("KEY", "x")
    monkeypatch.setattr(code_folder, "LARGEST_BYTES", 4)
    for name, text in (("large", "a = 1\n"), ("other", "a=1")):
        (tmp_path / name / "mine").mkdir(parents=True)
        (tmp_path / name / "mine" / "notes").write_text(text)
    write_run(tmp_path, make_result({"ttft": [[1_000_000] * 40]})).folder.rename(tmp_path / "finished")
    sweep(tmp_path / "sweep")
    return tmp_path


def sweep(folder, status=ShareStatus.PENDING):
    """Write a sweep of one share, whose code is that of no folder."""
    folder.mkdir()
    shares = share_records(shares_of(Spec(("null",), ("inference_speed",)), 1))
    record = new_sweep(folder.name, "local", shares, seed=0, copies=1)
    done = tuple(replace(share, status=status, node="n1") for share in record.shares)
    write_sweep(folder, replace(record, shares=done, marks=Provenance()))
    return folder


@pytest.mark.parametrize("line", REFUSED)
def test_a_sweep_that_cannot_be_carried_out_is_one_line_and_exit_code_2(line, place):
    before = sorted(place.rglob("[!.]*"))
    assert_refused(call(*line.split()), 2, *REFUSED[line])
    assert sorted(place.rglob("[!.]*")) == before


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert_refused(call(*f"{ON} ray".split()), 2, "--on ray needs ray, which is not installed: pip install 'ray>=2.40'")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{", ["not whole JSON"]),
        ("[]", ["no schema_version in it"]),
        ('{"schema_version": 99}', ["schema version 99", "Upgrade it"]),
        ('{"schema_version": 1}', ["id is missing, expected text"]),
        (
            '{"schema_version": 1, "id": "x", "created_utc": "", "on": 3, "seed": 0, "copies": 1, "shares": []}',
            ["on is 3, expected text"],
        ),
    ],
)
def test_a_damaged_sweep_is_named_with_what_is_wrong(text, parts, place):
    (place / "sweep" / SWEEP).write_text(text)
    assert_refused(call("run", "--resume", "sweep"), 2, f"sweep/{SWEEP}: ", *parts)


def test_a_sweep_that_another_process_carries_out_now(place):
    with locked(place / "sweep"):
        ended = call("run", "--resume", "sweep")
    assert_refused(ended, 2, "sweep: got 'sweep', expected one that no other process writes into", "Wait until")
    assert read_sweep(place / "sweep").shares[0].status is ShareStatus.PENDING


def test_a_sweep_that_is_complete_is_told_again(place):
    sweep(place / "whole", ShareStatus.ENDED)
    told = call("run", "--resume", "whole", "--on", "ray")
    assert (told.code, told.err) == (0, "nothing is missing: 1 share of whole ended\n")
    assert told.out == "null on n1: ended\n1 share in whole\n"


def test_a_store_that_refuses_or_is_not_there(store):
    request = (*f"{ON} local".split(), "--output")
    store.refusal = "403 Forbidden"
    assert_refused(call(*request, store.address("team")), 2, "access is denied", "AWS_ACCESS_KEY_ID")
    store.refusal = None
    assert_refused(call(*request, f"s3://absent/x{store.query}"), 2, "there is no such bucket", "Make it")
    assert not store.objects()


@pytest.mark.parametrize("words", ["--device cuda:99", "--weights /only/on/nodes", "--dtype float16 --device cuda:99"])
def test_the_driver_needs_nothing_that_its_nodes_measure_with(words):
    there = call(*f"run --on ray --dry-run {words}".split())
    here = call(*f"run --on local --dry-run {words}".split())

    assert (there.code, there.err) == (0, "")
    assert "smollm2" in there.out
    assert_refused(here, 2, words.split()[-1])

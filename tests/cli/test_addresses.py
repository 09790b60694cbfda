"""Runs at addresses on the command line."""

import json
import os

from tests.command_line import assert_refused, call

RUN = ("run", "--model", "null", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")
QUICK = ("--quick", "--budget", "0.05")


def test_every_command_that_reads_runs_reads_a_stored_one(store):
    address = store.address("team")
    done = call(*RUN, *QUICK, "--label", "first", "--output", address)
    assert done.code == 0, done.err
    assert f"stored at {store.place('team')}".partition("?")[0] in done.err
    (local,) = os.listdir("benchmark_results")
    call(*RUN, *QUICK, "--output", address)

    shown = {words: call(*words) for words in (("report", "first", "--results", address), ("report", local))}
    assert len({ended.out for ended in shown.values()}) == 1
    assert call("report", address, "--json").code == 0
    assert call("check", address).out.startswith("Run ")
    compared = call("compare", "latest~1", "latest", "--results", address)
    assert compared.out == call("compare", "latest~1", "latest").out != ""
    counted = call("query", "SELECT count(DISTINCT run_id) AS runs FROM samples", address, "--json")
    assert json.loads(counted.out) == [{"runs": 2}]


def test_the_folder_of_runs_may_be_an_address(store, monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_OUTPUT", store.address("team"))
    assert call(*RUN, *QUICK).code == 0
    assert call("report", "latest").out.startswith("Run ")
    assert call("report").code == 0


def test_what_cannot_be_written_is_refused_before_anything_is_measured(store):
    assert_refused(call(*RUN, "-o", f"s3://absent/x{store.query}"), 2, "s3://absent/x", "no such bucket")
    store.refusal = "403 Forbidden"
    assert_refused(call(*RUN, "-o", store.address("x")), 2, "access is denied")
    nobody = "s3://runs/x?endpoint_override=127.0.0.1:9&scheme=http"
    assert_refused(call(*RUN, "-o", nobody), 2, nobody, "no answer", "AWS_ENDPOINT_URL")
    assert not os.path.exists("benchmark_results")


def test_what_stays_on_this_machine_says_so(store):
    address = store.address("team")
    call(*RUN, *QUICK, "--output", address)
    assert_refused(call("report", address, "--watch"), 2, "--watch", "a run on this machine")
    assert_refused(call("report", address, "--dossier", "d"), 2, "--dossier", "a run on this machine")


PAIRS = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")


def test_pairs_are_stored_and_compared_from_there(store):
    address = store.address("team")
    done = call("ab", "threads=1", "threads=2", *PAIRS, "--runs", "2", "--budget", "0.05", "--output", address)
    assert done.code in (0, 1), done.err
    (local,) = os.listdir("benchmark_results")
    assert local.endswith("-ab")
    stored = store.place("team") / f"run_id={local}"
    assert f"stored at {stored}\n" in done.err
    compared = call("compare", str(stored))
    assert (compared.code, compared.out) == (done.code, call("compare", f"benchmark_results/{local}").out)
    assert "threads=2" in compared.out
    assert call("compare", "latest", "--results", address).out == compared.out


def test_noise_and_overlap_are_stored_too(store):
    for command, more in (("noise", ("--runs", "2")), ("overlap", ("--pairs", "1"))):
        address = store.address(command)
        done = call(command, *PAIRS, *more, "--budget", "0.05", "--output", address)
        assert done.code in (0, 1), done.err
        assert "stored at s3://runs/" in done.err
        runs = {name.split("/")[1] for name in store.objects(command) if name.endswith("/run.json")}
        assert len(runs) == 2
        shown = call("report", sorted(runs)[0], "--results", f"s3://runs/{command}{store.query}")
        assert shown.code in (0, 2), shown.err


def test_an_old_run_is_stored_without_measuring(store):
    assert call(*RUN, *QUICK).code == 0
    done = call("run", "--resume", "latest", "--sink", store.address("team"))
    assert done.code == 0, done.err
    assert call("report", store.address("team")).out == call("report", "latest").out


def test_a_place_without_a_run_is_one_line(store):
    assert_refused(call("report", store.address("nothing")), 2, "no such folder")
    assert_refused(call("query", "SELECT 1", store.address("nothing")), 2, "no such folder")
    assert_refused(call("report", "latest", "--results", store.address("nothing")), 2, "no run in")

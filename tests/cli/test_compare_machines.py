"""``compare``, ``check`` and ``query`` over sweeps and machines: within each, never across by accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference_bench.cli.schema import schema_named
from tests.command_line import Ended, assert_refused, call
from tests.fleets import measure_fleet, write_fleet, write_plain

SPEEDS = {"n1": 10.0, "n2": 13.0, "n3": 8.0}


def fleet(folder, name, factor=1.0, nodes=SPEEDS, **options):
    times = {node: {"float32": ms * factor} for node, ms in nodes.items()}
    return str(write_fleet(folder / f"20260101T0000{name}Z-aaaaaa-sweep", times, **options))


@pytest.fixture
def before(tmp_path):
    return fleet(tmp_path, "00")


def errors(command, document):
    """Return what of a document its schema does not allow."""
    validator = pytest.importorskip("jsonschema").Draft202012Validator(schema_named(command))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def answer(ended: Ended):
    assert ended.code in (0, 1), ended.err
    (found,) = json.loads(ended.out)["comparisons"]
    return found


def test_two_sweeps_are_compared_within_their_machines(tmp_path, before):
    after = fleet(tmp_path, "01", 1.05)

    shown = call("compare", before, after)
    found = answer(call("compare", before, after, "--json"))

    assert shown.code == 1
    assert "SLOWER" in shown.out
    assert "within 3 machines" in shown.out
    assert "change on each machine" in shown.out
    assert "own speed cancels" in " ".join(shown.out.split())
    assert "Not interleaved" not in shown.out
    (row,) = found["rows"]
    assert found["machines"] == ["n1", "n2", "n3"]
    assert (row["verdict"], row["replicate"], row["runs"]) == ("worse", "machine", [3, 3])
    assert row["machines"] == pytest.approx(dict.fromkeys(SPEEDS, 0.05), abs=1e-6)
    assert row["change"] == pytest.approx(0.05, abs=1e-6)


def test_no_change_is_the_same_although_machines_differ(tmp_path, before):
    (row,) = answer(call("compare", before, fleet(tmp_path, "01"), "--json"))["rows"]

    assert (row["verdict"], row["change"]) == ("same", 0.0)


def test_sweeps_are_named_as_runs_are(tmp_path, before):
    fleet(tmp_path, "01", 1.05)

    shown = call("compare", "latest~1", "latest", "--results", str(tmp_path))

    assert shown.code == 1
    assert "20260101T000001Z-aaaaaa-sweep" in shown.out


def test_the_html_page_has_the_change_on_each_machine(tmp_path, before):
    page = tmp_path / "page.html"

    call("compare", before, fleet(tmp_path, "01", 1.05), "--export", f"html={page}")

    text = page.read_text()
    assert [word for word in ("n1", "n2", "n3", "change on each machine") if word not in text] == []


def test_other_machines_on_each_side_are_refused_in_a_line(tmp_path, before):
    elsewhere = fleet(tmp_path, "01", nodes={"n7": 10.0})

    refused = call("compare", before, elsewhere)

    assert_refused(refused, 2, "no machine in common", "on n1, n2, n3", "on n7", "--across-machines")


def test_across_machines_their_speed_is_told_to_be_in_the_change(tmp_path):
    one, other = fleet(tmp_path, "00", nodes={"n1": 10.0}), fleet(tmp_path, "01", nodes={"n2": 13.0})

    shown = call("compare", one, other, "--across-machines")

    text = " ".join(shown.out.split())
    assert shown.code == 1
    assert "Across machines" in text
    assert "their own speed is in every change, and no interval covers how machines differ" in text
    assert "is not known" in text


def test_across_fleets_machines_count_and_their_difference_is_told(tmp_path, before):
    others = fleet(tmp_path, "01", nodes={"n4": 11.0, "n5": 12.0, "n6": 9.0})

    shown = call("compare", before, others, "--across-machines")
    (row,) = answer(call("compare", before, others, "--across-machines", "--json"))["rows"]

    text = " ".join(shown.out.split())
    assert (row["verdict"], row["replicate"], row["runs"]) == ("inconclusive", "machine", [3, 3])
    assert "the intervals are over machines" in text
    assert "n2 takes 62.5 % longer than n3 for the same cases" in text


def test_one_machine_in_common_is_told(tmp_path, before):
    after = fleet(tmp_path, "01", nodes={"n1": 11.0, "n9": 5.0})

    shown = call("compare", before, after)

    text = " ".join(shown.out.split())
    assert "On one machine only (n1): all comparisons. Nothing can be pooled" in text
    assert "only in" in text
    assert "machine n9" in text


def test_a_machine_that_takes_the_change_otherwise_is_named(tmp_path):
    speeds = {**SPEEDS, "n4": 9.0}
    changes = {"n1": 1.03, "n2": 1.031, "n3": 1.029, "n4": 1.2}

    shown = call(
        "compare",
        fleet(tmp_path, "00", nodes=speeds),
        fleet(tmp_path, "01", nodes={node: ms * changes[node] for node, ms in speeds.items()}),
    )

    assert "n4 departs from the other machines in 1 of 1 comparison" in " ".join(shown.out.split())
    assert "n1 departs" not in shown.out


def test_the_set_ups_of_a_sweep_are_compared_within_its_machines(tmp_path):
    times = {node: {"float32": ms, "bfloat16": ms * 0.5} for node, ms in SPEEDS.items()}
    swept = str(write_fleet(tmp_path / "20260101T000000Z-aaaaaa-sweep", times))

    found = answer(call("compare", swept, "--by", "dtype", "--json"))

    (row,) = found["rows"]
    assert (found["before"], found["after"]) == ("dtype=float32", "dtype=bfloat16")
    assert (row["verdict"], row["replicate"], row["runs"]) == ("better", "machine", [3, 3])
    assert row["change"] == pytest.approx(-0.5, abs=1e-6)


def test_what_a_lost_node_measured_does_not_count(tmp_path, before):
    after = fleet(tmp_path, "01", 1.05, lost="n2")

    shown = call("compare", before, after, "--json")

    assert "1 share of 3 not ended: left out" in shown.err
    assert answer(shown)["machines"] == ["n1", "n3"]


def test_a_sweep_of_which_no_share_has_ended_is_refused(tmp_path, before):
    after = fleet(tmp_path, "01", nodes={"n1": 10.0}, lost="n1")

    ended = call("compare", before, after)

    assert ended.code == 2
    assert "no share has ended" in ended.err


def test_a_node_with_other_hardware_is_another_machine(tmp_path, before):
    after = fleet(tmp_path, "01", hardware="other")

    assert_refused(call("compare", before, after), 2, "n1 (equal)", "n1 (other)", "--across-machines")


def test_plain_runs_follow_the_same_rules(tmp_path):
    for side, factor in (("a", 1.0), ("b", 1.1)):
        for machine, ms in (("m1", 10.0), ("m2", 20.0), ("m3", 30.0)):
            write_plain(tmp_path / side / machine, machine, ms * factor, id=f"20260101T000000Z-{side}{machine}")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")

    (row,) = answer(call("compare", a, b, "--json"))["rows"]
    refused = call("compare", f"{a}/m1", f"{b}/m2")

    assert (row["replicate"], row["verdict"], row["runs"]) == ("machine", "worse", [3, 3])
    assert_refused(refused, 2, "on m1", "on m2", "Measure both on the same machines")


# ---- measured sweeps, on a store


def test_measured_sweeps_are_compared_and_checked_by_their_addresses(store, bad_models):
    names = ("20260101T000000Z-aaaaaa-sweep", "20260101T000001Z-bbbbbb-sweep")
    folders = [store.place("team") / f"run_id={name}" for name in names]
    for folder in folders:
        measure_fleet(folder, bad_models, ["n1", "n2"])
    addresses = [str(folder) for folder in folders]

    compared = call("compare", *addresses, "--json")
    by_name = call("compare", "latest~1", "latest", "--results", store.address("team"), "--json")
    set_ups = answer(call("compare", addresses[0], "--by", "threads", "--json"))
    checked = json.loads(call("check", addresses[0], "--json").out)

    found = answer(compared)
    assert found["machines"] == set_ups["machines"] == ["n1", "n2"]
    assert {row["replicate"] for row in (*found["rows"], *set_ups["rows"])} == {"machine"}
    assert {row["before"]["setup"]["threads"] for row in found["rows"]} == {1, 2}
    assert answer(by_name)["rows"] == found["rows"]
    assert set_ups["in_rounds"]
    assert [entry["node"] for entry in checked["nodes"]] == ["n1", "n2"]
    assert errors("compare", json.loads(compared.out)) == errors("check", checked) == []


# ---- other commands


def test_check_judges_each_node(tmp_path, before):
    shown = call("check", before)
    document = json.loads(call("check", before, "--json").out)

    assert [node for node in SPEEDS if f"{node}: Run" not in shown.out] == []
    assert document["sweep"] == "20260101T000000Z-aaaaaa-sweep"
    assert [entry["node"] for entry in document["nodes"]] == list(SPEEDS)
    assert all(entry["cases"] for entry in document["nodes"])


def test_a_share_by_its_own_folder_is_checked_as_any_run(before):
    folder = next(Path(before).glob("*/run.json")).parent

    document = json.loads(call("check", str(folder), "--json").out)

    assert "nodes" not in document


def test_query_has_the_node_in_every_row(before):
    pytest.importorskip("duckdb")
    for table in ("summaries", "samples"):
        asked = f"SELECT node, count(*) AS n FROM {table} GROUP BY node ORDER BY node"
        rows = json.loads(call("query", asked, before, "--format", "json").out)
        assert [row["node"] for row in rows] == list(SPEEDS)
        assert all(row["n"] > 0 for row in rows)

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from itertools import pairwise

import pytest

from inference_bench.orchestration.looks import look_level, looks
from inference_bench.orchestration.turn_order import turn_order
from inference_bench.results.pairing import read_pairing
from inference_bench.results.run import load_run
from tests.command_line import call
from tests.conftest import write_model

NULL = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4")
SHORT = ("--budget", "0.05", "--runs", "6", "--format", "json")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    return call("run", "--ab", "env:SIDE=1", "env:SIDE=2", *NULL, *SHORT, "--output", output), output


def test_run_ab_is_ab_and_pairs_every_process(measured):
    done, _ = measured

    (compared,) = json.loads(done.out)["comparisons"]
    assert done.code in (0, 1), done.err
    assert (compared["before"], compared["after"]) == ("env:SIDE=1", "env:SIDE=2")
    assert compared["paired"] is True
    assert {tuple(row["runs"]) for row in compared["rows"]} == {(6, 6)}
    assert all(row["low"] <= row["change"] <= row["high"] for row in compared["rows"])


def test_the_sides_take_turns_a_b_b_a(measured):
    _, output = measured
    (folder,) = output.glob("*-ab")

    assert order_of(read_pairing(folder)) == "ABBA" * 3


def order_of(pairing):
    """Return the letters of the sides in the order in which their processes began to measure."""
    begun = []
    for name, place in zip("ABC", pairing.folders, strict=False):
        run = load_run(place)
        samples = run.samples(run.results[0])
        rows = zip(samples["start_ns"].to_pylist(), samples["run"].to_pylist(), strict=True)
        first = {}
        for start_ns, number in rows:
            first[number] = min(first.get(number, start_ns), start_ns)
        begun += [(start_ns, name) for start_ns in first.values()]
    return "".join(name for _, name in sorted(begun))


def test_compare_reads_what_ab_wrote(measured):
    done, output = measured
    (folder,) = output.glob("*-ab")

    again = call("compare", folder, "--format", "json")

    rows = [json.loads(of.out)["comparisons"][0]["rows"] for of in (done, again)]
    assert [(row["metric"], row["low"], row["high"]) for row in rows[0]] == [
        (row["metric"], row["low"], row["high"]) for row in rows[1]
    ]


@pytest.mark.parametrize("form", ["console", "markdown", "html"])
def test_every_format_shows_the_grades_and_the_verdicts(measured, form):
    _, output = measured
    (folder,) = output.glob("*-ab")

    shown = call("compare", folder, "--format", form).out

    assert "grades" in shown
    assert any(word in shown for word in ("SAME", "INCONCLUSIVE", "FASTER", "SLOWER"))
    assert ('aria-labelledby="figure-1"' in shown) == (form == "html")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--ab"), "expected at least one argument"),
        (("run", "--ab", "dtype=float32"), "variants: got 'dtype=float32', expected two or more"),
        (("ab", "dtype=float32"), "variants: got 'dtype=float32', expected two or more"),
        (("ab",), "variants: got 'none', expected two or more"),
        (("run", "--ab", "nonsense", "dtype=float32"), "NAME=VALUE"),
        (("ab", "dtype=float32", "dtype=float31"), "float31"),
        (("ab", "model=nobody", "model=null"), "nobody"),
        (("ab", "dtype=float32", "dtype=bfloat16", "--resume", "x"), "--resume"),
    ],
)
def test_what_is_no_question_is_refused_in_a_line(words, said):
    done = call(*words)

    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.fixture
def repository(tmp_path):
    """A git repository whose model waits 20 ms longer in its second commit."""
    folder = tmp_path / "project"
    for number, wait in enumerate(("0.001", "0.021")):
        if number:
            shutil.rmtree(folder / "my_models")
        write_model(folder / "my_models", "mine", prefill=f"time.sleep({wait})")
        git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org")
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", f"{number}"), ("tag", f"v{number}")):
            subprocess.run([*git, *words], check=True)
    return folder


def test_two_revisions_of_a_models_code(repository, tmp_path):
    where = ("--models-dir", repository / "my_models", "--model", "mine", "--metric", "ttft", "--output", tmp_path)
    done = call("ab", "revision=v0", "revision=HEAD", *where, *NULL[2:], *SHORT)

    assert done.code == 1, done.err
    (row,) = json.loads(done.out)["comparisons"][0]["rows"]
    assert row["word"] == "SLOWER"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("revision=v7", "revision=HEAD"), "revision: got 'v7', expected a branch, tag or commit of project"),
        (("revision=v0^", "revision=v0"), "expected a branch, tag or commit"),
    ],
)
def test_a_revision_that_there_is_not(repository, words, said):
    done = call("ab", *words, "--models-dir", repository / "my_models", "--model", "mine", *NULL[2:], *SHORT)

    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_revision_of_nothing_or_outside_of_a_repository(tmp_path):
    write_model(tmp_path / "models", "mine")
    folders = ("--models-dir", tmp_path / "models", "--model", "mine")

    assert "whose revision is meant" in call("ab", "revision=a", "revision=b", *NULL, *SHORT).err
    assert "in no git repository" in call("ab", "revision=a", "revision=b", *folders, *NULL[2:], *SHORT).err


def test_looks_grow_and_share_the_error_between_them():
    assert looks(6) == [6]
    assert looks(40) == [14, 20, 28, 40]
    assert look_level(1) == pytest.approx(0.95)
    assert look_level(4) > look_level(2) > look_level(1)


@pytest.mark.parametrize("variants", range(2, 8))
def test_turns_are_balanced_by_position_and_by_neighbour(variants):
    whole = 2 * len({turn_order(variants, number) for number in range(100)}) // 2
    rounds = [turn_order(variants, number) for number in range(whole)]

    neighbours = Counter(pair for order in rounds for pair in pairwise(order))
    assert all(sorted(order) == list(range(variants)) for order in rounds)
    assert len(neighbours) == variants * (variants - 1)
    assert len(set(neighbours.values())) == 1
    for first, second in zip(rounds[::2], rounds[1::2], strict=True):
        assert {first.index(place) + second.index(place) for place in range(variants)} == {variants - 1}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    output = tmp_path_factory.mktemp("three")
    return call("ab", "env:SIDE=1", "env:SIDE=2", "env:SIDE=3", *NULL, *SHORT, "--output", output), output


def test_each_of_several_candidates_is_compared_with_the_first(three):
    done, output = three
    (folder,) = output.glob("*-ab")
    found = json.loads(done.out)["comparisons"]
    again = json.loads(call("compare", folder, "--format", "json").out)["comparisons"]

    assert [(each["before"], each["after"]) for each in found] == [
        ("env:SIDE=1", "env:SIDE=2"),
        ("env:SIDE=1", "env:SIDE=3"),
    ]
    assert all(each["paired"] for each in (*found, *again))
    assert {tuple(row["runs"]) for each in found for row in each["rows"]} == {(6, 6)}
    assert [row["p_adjusted"] for each in found for row in each["rows"]] == [
        row["p_adjusted"] for each in again for row in each["rows"]
    ]


def test_three_sides_take_turns_in_a_balanced_order(three):
    _, output = three
    (folder,) = output.glob("*-ab")

    assert order_of(read_pairing(folder)) == "ABC CBA BCA ACB CAB BAC".replace(" ", "")

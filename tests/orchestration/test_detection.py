"""``ab --detect``: the plan before the first pair, what the limits do not allow, and when it is reached."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.observations import Observations, Side
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration.detection import PILOT, Target, is_reached, plan_ahead, plan_on
from inference_bench.orchestration.planning import prepare
from inference_bench.results.noise_store import add_noise, load_noise
from inference_bench.results.run_comparison import RunComparison
from inference_bench.spec import Setup, Spec
from tests.command_line import call
from tests.conftest import write_model

SPEC = Spec(("null",), ("inference_speed",), (Setup(threads=2),), {"input_length": (16,), "new_tokens": (4,)}, runs=60)
PHASES = {"ttft": "prefill", "itl": "decode", "tpot": "decode"}


@pytest.fixture(scope="module")
def prepared():
    return [prepare(SPEC, (), ())] * 2


def sides(case, spread, n=10, change=0.0, metrics=("ttft", "itl")):
    """Return both sides of ``n`` pairs whose ratios scatter by ``spread``."""
    rng = np.random.default_rng(2)
    scatter = np.exp(rng.normal(0, spread, (len(metrics), n)))
    of_a = {metric: {("0", i): 1e6 for i in range(n)} for metric in metrics}
    of_b = {
        metric: {("0", i): float(1e6 * (1 + change) * value) for i, value in enumerate(scatter[place])}
        for place, metric in enumerate(metrics)
    }
    return tuple(
        Side(name, tuple(Observations(case, m, PHASES[m], values) for m, values in of.items()))
        for name, of in (("A", of_a), ("B", of_b))
    )


def floor(tmp_path, prepared, spread, **options):
    before, after = sides(prepared[0].plan.cases[0], spread, **options)
    add_noise(before, after, "machine", tmp_path)
    return load_noise("machine", tmp_path)


def target(change=0.02, *, metrics=(), margin=0.0, most=60, time_s=1800.0):
    return Target(change, metrics, margin, 0.95, most, time_s)


def compared(case, spread, n, **options):
    of = sides(case, spread, n, **options)
    return RunComparison((compare(*of, paired=True, margin=0.0),), (of,), ((),), None)


def test_a_known_floor_gives_pairs_and_time(tmp_path, prepared):
    plan = plan_ahead(target(), floor(tmp_path, prepared, 0.01), prepared)

    assert 4 <= plan.found.pairs <= 12
    assert plan.sentence.startswith(
        f"to detect a change of 2 % in four of five cases takes about {plan.found.pairs} pairs, "
    )
    assert plan.sentence.endswith("needs most (by the A/A floor of this machine)")
    assert plan.pair_s == pytest.approx(2 * (0.2 + 25), abs=0.01)


def test_more_comparisons_and_a_smaller_change_take_more_pairs(tmp_path, prepared):
    noise = floor(tmp_path, prepared, 0.03)
    usual = plan_ahead(target(0.05), noise, prepared).found.pairs

    assert plan_ahead(target(0.025), noise, prepared).found.pairs > 2 * usual
    assert plan_ahead(target(0.05), noise, [*prepared, *prepared]).found.pairs > usual
    assert plan_ahead(target(0.05, margin=0.03), floor(tmp_path / "x", prepared, 0.01), prepared).found.pairs > 6


def test_without_a_floor_the_first_pairs_tell(prepared):
    plan = plan_ahead(target(), None, prepared)

    assert plan.found is None
    assert plan.hopeless == ""
    assert "the A/A floor of inference speed is not known on this machine" in plan.sentence
    assert f"the first {PILOT} pairs tell how many it takes" in plan.sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"most": 8}, "--runs allows 8, which detect"),
        ({"time_s": 60.0}, "--time allows 1 of them, --time "),
        ({"margin": 0.005}, "the margin of "),
    ],
)
def test_what_the_limits_do_not_allow_is_said_with_those_that_would(tmp_path, prepared, options, said):
    plan = plan_ahead(target(**options), floor(tmp_path, prepared, 0.05), prepared)

    assert said in plan.hopeless
    assert plan.sentence == f"to detect a change of 2 % is not possible: {plan.hopeless}"


def test_the_named_number_of_runs_is_the_one_needed(tmp_path, prepared):
    noise = floor(tmp_path, prepared, 0.05)
    plan = plan_ahead(target(most=8), noise, prepared)

    assert plan.hopeless.endswith(f"; --runs {plan.found.pairs} would allow it")
    assert plan_ahead(target(most=plan.found.pairs, time_s=1e6), noise, prepared).hopeless == ""


def test_it_is_reached_when_the_pairs_would_show_it_and_not_before(prepared):
    case = prepared[0].plan.cases[0]

    assert is_reached(target(), compared(case, 0.01, 14))
    assert not is_reached(target(), compared(case, 0.01, 4))
    assert not is_reached(target(), compared(case, 0.05, 14))
    assert is_reached(target(0.5), compared(case, 0.05, 14))
    assert not is_reached(target(0.5), compared(case, 0.0, 5))


def test_the_pairs_so_far_give_a_plan_of_their_own(prepared):
    case = prepared[0].plan.cases[0]
    plan = plan_on(target(), compared(case, 0.03, PILOT), pair_s=2.0)

    assert plan.found.pairs > 10
    assert "by the pairs so far" in plan.sentence
    assert plan_on(target(0.001), compared(case, 0.03, 10), pair_s=2.0).hopeless


def test_only_what_is_asked_for_or_main_counts(prepared):
    case = prepared[0].plan.cases[0]
    found = compared(case, 0.0, 10, metrics=("ttft", "tpot"))
    restless = sides(case, 0.2, metrics=("tpot",))[1].observations
    mixed = (found.observed[0][0], Side("B", (*found.observed[0][1].observations[:1], *restless)))
    both = RunComparison((compare(*mixed, paired=True, margin=0.0),), (mixed,), ((),), None)

    assert is_reached(target(), both)
    assert not is_reached(target(metrics=("tpot",)), both)


def ab(state, *words):
    done = call("ab", "env:SIDE=1", "env:SIDE=2", *words, XDG_STATE_HOME=str(state))
    assert "Traceback" not in done.err
    return done


NULL = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4")


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path):
    done = ab(tmp_path, *NULL, "--detect", "2%", "--dry-run", "--output", tmp_path / "out")

    assert done.code == 0, done.err
    assert done.out.count("inference_speed  input_length=16") == 2
    assert "measured in turn: at most 60 pairs; none begins after 1800 s" in done.out
    assert "the first 4 pairs tell how many it takes" in done.out
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_detected_is_refused_before_anything_is_measured(tmp_path, prepared):
    fingerprint = str(describe_environment()["fingerprint"])
    before, after = sides(prepared[0].plan.cases[0], 0.2)
    add_noise(before, after, fingerprint, tmp_path / "inference_bench")
    done = ab(tmp_path, *NULL, "--detect", "2%", "--margin", "0", "--runs", "8", "--output", tmp_path / "out")

    assert (done.code, done.out) == (2, "")
    assert "--runs allows 8, which detect" in done.err
    assert "Nothing was measured" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("--detect", "1%"), ("--detect", "0.5%"), ("--detect", "0"), ("--detect", "x")])
def test_a_change_within_the_margin_or_none_is_refused(tmp_path, words):
    done = ab(tmp_path, *NULL, *words)

    assert done.code == 2
    assert "detect: got" in done.err


def test_measuring_stops_when_the_change_would_have_been_detected(tmp_path):
    write_model(tmp_path / "models", "mine", prefill="time.sleep(0.005)")
    where = ("--models-dir", tmp_path / "models", "--model", "mine", "--metric", "ttft", "--output", tmp_path / "out")
    done = ab(tmp_path, *NULL[2:], *where, "--budget", "0.1", "--detect", "0.6", "--format", "json")

    (folder,) = (tmp_path / "out").glob("*-ab")
    facts = json.loads((folder / "ab.json").read_text())
    assert done.code in (0, 1), done.err
    assert "the first 4 pairs tell how many it takes" in done.err
    assert facts["stop_reason"] == "a change of 60 % would have been detected"
    assert facts["pairs"] < 60

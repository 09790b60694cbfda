"""A search among set-ups of a model whose speed and whose numbers follow from its set-up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.orchestration.search import SearchTerms, refused_setups, search
from inference_bench.orchestration.search_space import compiled, given_space, likely_space, model_of, named
from inference_bench.spec import Setup, Spec
from inference_bench.units import NS_PER_S

SLEEPER = """
import time

from inference_bench import Model


class Sleeper(Model):
    title = "Sleeper"
    description = "sleeps, shorter with more threads and shortest in bfloat16"
    license = "MIT"
    devices = ("cpu",)
    dtypes = ("float32", "bfloat16")

    def load(self, setup, weights, steps):
        if setup.threads == 4:
            raise RuntimeError("no four threads here")
        self.attention = setup.attention
        self.seconds = 0.008 / setup.threads / (2 if setup.dtype == "bfloat16" else 1)

    def call(self, inputs):
        time.sleep(self.seconds)

    def describe(self):
        return {"attention": "sdpa" if self.attention == "auto" else self.attention}
"""
SETUPS = named([Setup(dtype=dtype, threads=threads) for dtype in ("float32", "bfloat16") for threads in (1, 2, 4)])


def searched(tmp_path, setups, *, time_s=60.0, **terms):
    folder = tmp_path / "models"
    (folder / "sleeper").mkdir(parents=True)
    (folder / "sleeper" / "model.py").write_text(SLEEPER)
    of = SearchTerms(round(time_s * NS_PER_S), models_dirs=(folder,), **terms)
    spec = Spec(("sleeper",), ("inference_speed",))
    refused = refused_setups(spec, setups, of)
    return asyncio.run(search(spec, setups, refused, of, output=tmp_path / "out"))


def test_the_fastest_wins_and_the_others_leave_with_their_reason(tmp_path):
    outcome = searched(tmp_path, SETUPS, least_agreement=0)

    assert outcome.winner == "dtype=bfloat16,threads=2"
    assert outcome.stop_reason == "decided"
    left = {of.name: of.reason for of in outcome.departures}
    assert left["dtype=float32,threads=1"] == "slower than the best"
    assert "no four threads here" in left["dtype=float32,threads=4"]
    assert set(left) == set(SETUPS) - {outcome.winner}
    assert outcome.folder.name.endswith("-search")


def test_a_set_up_that_is_another_one_under_another_name_is_measured_once(tmp_path):
    setups = [Setup(threads=threads, attention=of) for of in ("auto", "eager", "sdpa") for threads in (1, 2)]

    outcome = searched(tmp_path, named(setups), least_agreement=0)

    same = {of.name: of.reason for of in outcome.departures if of.reason.startswith("the same as")}
    assert same == {
        f"threads={threads},attention=sdpa": f"the same as threads={threads},attention=auto" for threads in (1, 2)
    }
    assert outcome.winner in {"threads=2,attention=auto", "threads=2,attention=eager"}


def test_what_cannot_be_shown_to_agree_with_float32_does_not_win(tmp_path):
    outcome = searched(tmp_path, SETUPS)

    assert outcome.winner == "dtype=float32,threads=2"
    reasons = {of.name: of.reason for of in outcome.departures}
    assert reasons["dtype=bfloat16,threads=2"] == "its agreement with float32 could not be measured"


def test_a_space_of_one_set_up_is_refused_before_anything_is_measured(tmp_path):
    setups = named([Setup(), Setup(dtype="float16")])

    with pytest.raises(UsageError, match=r"search space: 2 set-ups .*dtype=float16: .*expected two or more"):
        searched(tmp_path, setups)
    assert not (tmp_path / "out").exists()


def test_given_axes_make_their_product_and_the_rest_is_as_it_was():
    base = Setup(threads=3, seed=7)

    found = given_space(base, {"dtype": ("float32", "bfloat16"), "attention": ("auto", "eager")})

    assert list(named(found)) == [
        f"dtype={dtype},attention={attention}" for dtype in ("float32", "bfloat16") for attention in ("auto", "eager")
    ]
    assert {(each.threads, each.seed) for each in found} == {(3, 7)}
    with pytest.raises(UnknownNameError, match="axis of a search"):
        given_space(base, {"batch_size": (1, 2)})
    with pytest.raises(InvalidValueError, match="threads"):
        given_space(base, {"threads": ("many",)})


def test_a_likely_space_has_the_run_itself_first_and_only_what_the_model_can():
    model = load_model(find_models()["smollm2_135m_instruct"])
    base = Setup(threads=6, dtype="bfloat16")

    found = likely_space(base, model, 6)

    assert found[0] == base
    assert len(found) == len(set(found))
    assert {each.threads for each in found} == {1, 2, 4, 6}
    own = [each for each in found if each.engine == "auto"]
    assert {(each.dtype, each.attention) for each in own} == {
        (dtype, attention) for dtype in model.dtypes for attention in ("auto", "eager")
    }
    assert not any(each.compile != "none" for each in found)
    assert compiled(replace(base, compile="default"), model) is None


def test_a_run_of_several_models_names_them():
    with pytest.raises(InvalidValueError, match="null, smollm2_135m_instruct"):
        model_of(Spec(("null", "smollm2_135m_instruct"), ("inference_speed",)), ())


def test_the_first_round_ends_with_the_time_and_what_it_did_not_get_to_leaves(tmp_path):
    outcome = searched(tmp_path, SETUPS, time_s=0.001, least_agreement=0)

    names = list(SETUPS)
    assert outcome.stop_reason == "time spent in the first round: 1 of 6 set-ups measured"
    assert (outcome.winner, outcome.rounds) == (names[0], 1)
    assert {of.name for of in outcome.departures} == set(names[1:])
    assert {of.reason for of in outcome.departures} == {"the search ended before its turn"}

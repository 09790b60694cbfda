from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.plan import Case, make_plan
from inference_bench.spec import Axis, Limits, Setup, Spec


@dataclass
class Info:
    """A benchmark, as far as planning knows one."""

    name: str
    axes: tuple[Axis, ...] = ()
    own_process: bool = False
    processes: int = 1
    needs_model: bool = True
    repeats: bool = True


LENGTH = Axis("input_length", (32, 128))
TOKENS = Axis("new_tokens", (16,), minimum=2)
KIND = Axis("kind", ("greedy",))
SPEED = Info("speed", (LENGTH, TOKENS))
MEMORY = Info("memory", (LENGTH,), own_process=True)

CASE = Case("null", "speed", Setup(), {"input_length": 32})


def spec(**changes):
    return replace(Spec(models=("a",), benchmarks=("speed",)), **changes)


def plan_of(asked, *benchmarks):
    return make_plan(asked, dict.fromkeys(asked.models, benchmarks))


def points(plan, *axes):
    return [tuple(case.parameters[axis] for axis in axes) for case in plan.cases]


def test_an_axis_takes_its_default_values():
    plan = plan_of(spec(), SPEED)

    assert points(plan, "input_length", "new_tokens") == [(32, 16), (128, 16)]


def test_given_values_replace_the_default_in_their_order():
    plan = plan_of(spec(axes={"input_length": (512, 8)}), SPEED)

    assert points(plan, "input_length") == [(512,), (8,)]


def test_an_axis_reaches_those_benchmarks_that_have_it():
    plan = plan_of(spec(benchmarks=("speed", "memory"), axes={"new_tokens": (4,)}), SPEED, MEMORY)

    assert [dict(case.parameters) for case in plan.cases] == [
        {"input_length": 32, "new_tokens": 4},
        {"input_length": 128, "new_tokens": 4},
        {"input_length": 32},
        {"input_length": 128},
    ]


def test_models_are_the_outer_loop_then_setups_then_benchmarks():
    setups = (Setup(dtype="float32"), Setup(dtype="bfloat16"))
    plan = plan_of(spec(models=("a", "b"), setups=setups, axes={"input_length": (1,)}), SPEED)

    assert [(case.model, case.setup.dtype) for case in plan.cases] == [
        ("a", "float32"),
        ("a", "bfloat16"),
        ("b", "float32"),
        ("b", "bfloat16"),
    ]


def test_cases_of_one_setup_share_a_worker_and_a_pass_of_its_own_does_not():
    plan = plan_of(spec(benchmarks=("speed", "memory")), SPEED, MEMORY)

    assert [[case.benchmark for case in group.cases] for group in plan.groups] == [
        ["speed", "speed"],
        ["memory"],
        ["memory"],
    ]


def test_runs_are_the_outer_loop_so_that_drift_falls_on_all_alike():
    plan = plan_of(spec(models=("a", "b"), runs=2), SPEED)

    assert [(run, group.model) for run, group in plan.worker_runs()] == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


@given(
    models=st.lists(st.sampled_from("abcd"), min_size=1, unique=True),
    lengths=st.lists(st.integers(1, 10_000), min_size=1, max_size=5, unique=True),
    dtypes=st.lists(st.sampled_from(["float32", "bfloat16", "float16"]), min_size=1, unique=True),
)
def test_a_plan_is_the_product_and_groups_keep_its_order(models, lengths, dtypes):
    setups = tuple(Setup(dtype=dtype) for dtype in dtypes)
    asked = spec(models=tuple(models), setups=setups, axes={"input_length": tuple(lengths)})

    plan = plan_of(asked, SPEED)

    assert len(plan.cases) == len(models) * len(lengths) * len(dtypes)
    assert [case for group in plan.groups for case in group.cases] == list(plan.cases)
    assert len({case.id for case in plan.cases}) == len(plan.cases)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"input_length": (0,)}, "input length: got 0, expected a whole number of at least 1"),
        ({"input_length": (-1,)}, "input length: got -1"),
        ({"input_length": ("long",)}, "input length: got 'long', expected a whole number"),
        ({"new_tokens": (1,)}, "new tokens: got 1, expected a whole number of at least 2"),
        ({"input_length": ()}, "input length: got 'nothing'"),
        ({"input_length": (8, 8)}, "each value once"),
    ],
)
def test_a_value_that_its_axis_does_not_allow_is_refused(axes, message):
    with pytest.raises(InvalidValueError, match=message):
        plan_of(spec(axes=axes), SPEED)


def test_an_axis_of_words_takes_words():
    plan = plan_of(spec(axes={"kind": ("greedy", "beam")}), Info("speed", (KIND,)))

    assert points(plan, "kind") == [("greedy",), ("beam",)]


def test_an_axis_that_no_benchmark_has_is_refused_with_a_guess():
    with pytest.raises(UnknownNameError, match="did you mean 'input_length'"):
        plan_of(spec(axes={"input_lenght": (8,)}), SPEED)


def test_the_id_is_the_same_on_every_machine():
    assert CASE.id == Case("null", "speed", Setup(), {"input_length": 32}).id
    assert len(CASE.id) == 12
    assert int(CASE.id, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        replace(CASE, model="other"),
        replace(CASE, benchmark="memory"),
        replace(CASE, parameters={"input_length": 33}),
        replace(CASE, parameters={"input_length": "32 "}),
        *(
            replace(CASE, setup=replace(Setup(), **changed))
            for changed in (
                {"device": "cuda"},
                {"device": "cuda:1"},
                {"dtype": "bfloat16"},
                {"threads": 2},
                {"weights": "random"},
                {"weights": "random", "scale": "reduced"},
                {"seed": 1},
            )
        ),
    ],
    ids=repr,
)
def test_the_id_changes_with_everything_that_defines_the_case(other):
    assert other.id != CASE.id


def test_the_slug_is_safe_in_a_file_name():
    case = replace(CASE, setup=Setup(device="cuda:0"), parameters={"text": "../etc/ü \n*"})

    assert set(case.slug) & set("/: \n*") == set()


def test_an_integer_parameter_is_an_integer():
    assert CASE.integer("input_length") == 32
    with pytest.raises(InvalidValueError, match="a whole number"):
        replace(CASE, parameters={"input_length": "many"}).integer("input_length")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Setup(threads=0),
        lambda: Setup(scale="reduced"),
        lambda: Limits(min_samples=0),
        lambda: Limits(warmup_iterations=-1),
        lambda: Limits(relative_width=1.0),
        lambda: Limits(budget_ns=0),
        lambda: spec(runs=0),
        lambda: spec(models=()),
        lambda: spec(benchmarks=()),
    ],
)
def test_a_spec_refuses_values_that_make_no_sense(build):
    with pytest.raises(InvalidValueError):
        build()


@pytest.mark.parametrize("build", [lambda: Setup(dtype="int3"), lambda: Setup(scale="x")])
def test_a_setup_refuses_names_that_do_not_exist(build):
    with pytest.raises(UnknownNameError):
        build()


def test_a_benchmark_may_take_more_runs_or_only_one():
    load = Info("load", own_process=True, processes=3)
    right = Info("right", repeats=False)
    plan = plan_of(spec(benchmarks=("speed", "load", "right"), axes={"input_length": (8,)}, runs=2), SPEED, load, right)

    started = [(run, [case.benchmark for case in group.cases]) for run, group in plan.worker_runs()]
    assert started == [
        (0, ["speed"]),
        (0, ["load"]),
        (0, ["right"]),
        (1, ["speed"]),
        (1, ["load"]),
        (2, ["load"]),
    ]
    assert plan.measurements == 6


def test_each_model_has_its_own_benchmarks():
    plan = make_plan(spec(models=("a", "b")), {"a": [SPEED], "b": [Info("other", (KIND,))]})

    assert [(case.model, case.benchmark) for case in plan.cases] == [("a", "speed"), ("a", "speed"), ("b", "other")]


def test_a_spec_names_benchmarks_or_a_suite():
    assert Spec(("a",), suite="full").benchmarks == ()
    with pytest.raises(UnknownNameError, match="unknown suite"):
        Spec(("a",), suite="perf")
    with pytest.raises(InvalidValueError, match="got 'both'"):
        Spec(("a",), ("speed",), suite="full")
    with pytest.raises(InvalidValueError, match="got 'none'"):
        Spec(("a",))

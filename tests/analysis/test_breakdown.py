"""Parts of a step by self time: right values of known spans, and parts and rest are the whole."""

from __future__ import annotations

import pytest

from inference_bench.analysis.breakdown import kind_of, median_repetition, self_ns, steps_of
from inference_bench.result import Operations
from inference_bench.units import NS_PER_MS as MS
from tests.breakdowns import operations


def modules_of(table):
    return next(step for step in steps_of(table) if step.recorded_by == "hooks")


def test_self_times_leave_out_what_lies_within():
    table = operations((1.0,))
    hooks = table.recorded_by == "hooks"

    assert (self_ns(table)[hooks] / MS).tolist() == [10, 30, 20, 10, 20, 10]


def test_layers_are_one_part_with_their_calls():
    step = modules_of(operations())

    assert [(part.name, part.calls, part.self_ns.value / MS) for part in step.parts] == [
        ("layers.*", 2, 40),
        ("Net", 1, 30),
        ("layers.*.mlp", 2, 20),
    ]
    assert [part.share.value for part in step.parts] == pytest.approx([0.4, 0.3, 0.2])
    assert (step.rest.self_ns.value / MS, step.rest.share.value) == (10, pytest.approx(0.1))


def test_operators_are_parts_and_everything_else_is_the_rest():
    step = next(step for step in steps_of(operations()) if step.recorded_by == "profiler")

    assert [(part.name, part.calls, part.self_ns.value / MS) for part in step.parts] == [("aten::mm", 2, 12)]
    assert step.rest.self_ns.value / MS == 88


@pytest.mark.parametrize("stretches", [(1.0,), (1.0, 2.0, 1.5), (1.0, 1.1, 9.0, 1.2, 1.3, 1.05)])
def test_parts_and_rest_are_the_whole_step(stretches):
    for step in steps_of(operations(stretches)):
        parts = (*step.parts, step.rest)

        assert sum(part.self_ns.value for part in parts) == pytest.approx(step.whole_ns.value)
        assert sum(part.share.value for part in parts) == pytest.approx(1)


def test_a_disturbed_repetition_is_in_the_bounds_and_not_in_the_figure():
    step = modules_of(operations((1.0, 1.0, 1.0, 50.0)))

    assert (step.counted, step.repetitions) == (2, 4)
    assert (step.whole_ns.value / MS, step.whole_ns.low / MS, step.whole_ns.high / MS) == (100, 100, 5000)


def test_the_cost_is_that_of_the_step_over_the_step_alone():
    costs = {step.recorded_by: step.cost.value for step in steps_of(operations(profiler_cost=1.25))}

    assert costs == {"hooks": pytest.approx(1.0), "profiler": pytest.approx(1.25)}


def test_parents_are_counted_within_their_run():
    one = operations((1.0,))
    names = [name for name in one.__dataclass_fields__ if name != "run"]
    parts = [{"run": run, **{name: getattr(one, name) for name in names}} for run in (0, 1)]

    assert self_ns(Operations.joined(parts)).tolist() == self_ns(one).tolist() * 2


def test_the_median_repetition_is_that_of_the_step():
    assert median_repetition(operations((3.0, 1.0, 2.0)), "decode", "hooks") == 2


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("model.layers.17.mlp.up_proj", "model.layers.*.mlp.up_proj"),
        ("0.conv1.3", "*.conv1.*"),
        ("lm_head", "lm_head"),
        ("block2.layer", "block2.layer"),
    ],
)
def test_the_number_of_a_layer_is_no_part_of_its_kind(path, kind):
    assert kind_of(path) == kind

"""The breakdown of a small network: what lies where, what is left behind, and what is said where nothing is seen."""

from __future__ import annotations

from itertools import pairwise

import pytest

from inference_bench.analysis.breakdown import self_ns
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.breakdown.of_case import REPETITIONS, breakdown_of
from inference_bench.benchmark.breakdown.step_sequence import StepSequence
from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark
from inference_bench.model.model import Model
from inference_bench.result import Operations
from inference_bench.spec import Setup
from inference_bench.testing import make_case, null_model

torch = pytest.importorskip("torch")


class TwoLayers(Model):
    """Two linear layers, one of them called twice."""

    def __init__(self):
        self.network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8)).eval()
        self.resets = 0

    def run(self, calls):
        with torch.inference_mode():
            found = torch.ones(1, 8)
            for _ in range(calls):
                found = self.network(found)
            return found.sum().item()

    def reset(self):
        self.resets += 1


class TwoSteps(Benchmark):
    """A step that calls the network twice, and one that calls it once."""

    def measure(self, model, case, measurement):
        raise AssertionError("not measured here")

    def steps(self, model, case):
        return StepSequence({"prefill": lambda: model.run(2), "decode": lambda: model.run(1)}, model.reset)


class NoSteps(TwoSteps):
    """A benchmark without steps."""

    def steps(self, model, case):
        return None


@pytest.fixture(scope="module")
def model():
    return TwoLayers()


@pytest.fixture(scope="module")
def seen(model):
    return breakdown_of(TwoSteps(), model, make_case())


@pytest.fixture(scope="module")
def table(seen):
    return Operations.joined([{"run": 0, **seen.columns}])


def rows(table, recorded_by, step, repetition=0):
    chosen = (table.recorded_by == recorded_by) & (table.step == step) & (table.repetition == repetition)
    return chosen.nonzero()[0].tolist()


def test_modules_are_recorded_once_per_call_below_the_network(table):
    modules = [table.module[row] for row in rows(table, "hooks", "prefill") if table.module[row]]

    assert modules == ["Sequential", "0", "1", "2"] * 2


def test_operators_belong_to_the_module_that_calls_them(table):
    of_module = {}
    for row in rows(table, "profiler", "decode"):
        of_module.setdefault(table.module[row], set()).add(table.operator[row])

    assert "aten::addmm" in of_module["0"] & of_module["2"]
    assert "aten::relu" in of_module["1"]
    assert "aten::addmm" not in of_module["1"] | of_module["Sequential"] | of_module[""]
    assert {"aten::sum", "aten::item"} <= of_module[""]


def test_each_way_of_recording_has_its_spans_only(table):
    assert not set(table.module[table.recorded_by == "clock"]) - {""}
    assert not set(table.operator[table.recorded_by == "hooks"]) - {""}
    assert set(table.recorded_by) == {"clock", "hooks", "profiler"}


def test_every_repetition_has_the_same_modules(table):
    counts = [len(rows(table, "hooks", "decode", repetition)) for repetition in range(REPETITIONS)]

    assert counts == [5] * REPETITIONS


def test_spans_lie_in_their_parents_and_their_own_times_are_the_whole(table):
    inside = (table.parent >= 0).nonzero()[0]
    parents = table.parent[inside]
    ends = table.start_ns + table.duration_ns

    assert (table.start_ns[inside] >= table.start_ns[parents]).all()
    assert (ends[inside] <= ends[parents]).all()
    assert (table.depth[inside] == table.depth[parents] + 1).all()
    assert (table.step[inside] == table.step[parents]).all()
    assert self_ns(table).sum() == table.duration_ns[table.depth == 0].sum()


def test_steps_follow_each_other_on_the_clock_of_the_samples(table):
    first, second = (table.start_ns[rows(table, "clock", step)[0]] for step in ("prefill", "decode"))
    assert first < second
    starts = [table.start_ns[rows(table, "clock", "prefill", repetition)[0]] for repetition in range(REPETITIONS)]
    assert all(one < other for one, other in pairwise(starts))


def test_no_hook_is_left_and_every_repetition_was_reset(model, seen):
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.network.modules())
    assert model.resets == 3 + 2 * 3 * REPETITIONS


def test_a_note_says_how_exactly_operators_are_joined(seen):
    assert [note.partition(", to ±")[0] for note in seen.notes] == [
        "breakdown: operators are joined with modules by two clocks"
    ]


def test_of_a_compiled_network_only_operators_are_seen(model):
    seen = breakdown_of(TwoSteps(), model, make_case(setup=Setup(compile="default")))

    assert set(seen.columns["recorded_by"]) == {"clock", "profiler"}
    assert set(seen.columns["module"]) == {""}
    assert "aten::addmm" in seen.columns["operator"]
    assert seen.notes == [
        "breakdown: the network is compiled: its modules cannot be told apart, only its operators are shown"
    ]


def test_a_model_without_a_network_of_torch_has_a_note_and_no_table():
    seen = breakdown_of(InferenceSpeedBenchmark(), null_model(), make_case(input_length=8, view="steps"))

    assert seen.columns == {}
    assert seen.notes == ["breakdown: not applicable: only torch's modules can be seen"]


def test_a_benchmark_without_steps_has_neither(model):
    seen = breakdown_of(NoSteps(), model, make_case())

    assert (seen.columns, seen.notes) == ({}, [])


def test_a_step_that_fails_is_a_note(model):
    class Failing(TwoSteps):
        def steps(self, model, case):
            return StepSequence({"decode": lambda: 1 / 0})

    seen = breakdown_of(Failing(), model, make_case())

    assert (seen.columns, seen.notes) == ({}, ["breakdown: failed: ZeroDivisionError: division by zero"])

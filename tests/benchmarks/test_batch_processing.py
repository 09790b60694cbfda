from __future__ import annotations

import textwrap
from functools import partial
from pathlib import Path

import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks._memory_guard import needed_bytes, refuse_what_cannot_fit
from inference_bench.benchmarks.batch_processing import (
    BatchProcessingBenchmark,
    row_lengths,
    token_rates,
)
from inference_bench.cli._values import axis
from inference_bench.errors import InvalidValueError, NotApplicableError, UnknownNameError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.interfaces import BatchGenerator, TextGenerator
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.planning import prepare
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Setup, Spec
from inference_bench.testing import QUICK
from tests.factories import measured, run, spec

_spec = partial(spec, benchmarks=("batch_processing",), batch_size=(1, 2), input_length=(16,), new_tokens=(4,))
_measured = partial(measured, BatchProcessingBenchmark(), batch_size=4, input_length=16, new_tokens=4, lengths="mixed")


class Counting(TextGenerator):
    """Each token is the number of tokens before it, plus one."""

    def prompt(self, length):
        return length

    def prefill(self, prompt):
        self.last = prompt
        return self.decode()

    def decode(self):
        self.last += 1
        return self.last

    def generate(self, prompt, new_tokens):
        return list(range(prompt + 1, prompt + 1 + new_tokens))


class CountingBatch(BatchGenerator):
    """As ``Counting``, but rows shorter than ``wrong_below`` go astray at the third token."""

    def __init__(self, wrong_below=0):
        self.wrong_below = wrong_below
        self.step = 0
        self.tokens = []

    def prompts(self, lengths):
        return list(lengths)

    def prefill(self, batch):
        self.lengths, self.tokens, self.step = batch, batch[:], 0
        return self.decode()

    def decode(self):
        self.step += 1
        for row, length in enumerate(self.lengths):
            self.tokens[row] += 100 if self.step == 3 and length < self.wrong_below else 1
        return self.tokens


class Counter(Model):
    name = "counter"
    max_input_length = 64
    needs_weights = False
    wrong_below = 0
    kv_bytes_per_token = 8

    def load(self, *args): ...

    def unload(self): ...

    def generator(self):
        return Counting()

    def batch_generator(self):
        return CountingBatch(self.wrong_below)

    def describe(self):
        return {"kv_bytes_per_token": self.kv_bytes_per_token}


def test_mixed_lengths_are_spread_from_the_whole_to_half():
    assert row_lengths(1, 128, 1) == [128]
    assert row_lengths(4, 128, 1) == [128, 112, 96, 80]
    assert row_lengths(4, 128, 100) == [128, 112, 100, 100]
    assert row_lengths(3, 1, 1) == [1, 1, 1]


def test_equal_lengths_are_equal():
    assert _measured(Counter(), lengths="equal").rates["total_throughput"] == 4 * 16 + 4 * 4


def test_padded_and_unpadded_tokens_are_counted_apart():
    rates = token_rates([8, 6, 4], 5)

    assert rates == {
        "output_throughput": 15,
        "total_throughput": 18 + 15,
        "padded_throughput": 24 + 15,
        "request_throughput": 3,
    }


def test_steps_of_a_batch_are_samples_and_add_up():
    columns = _measured(Counter()).columns()
    rows = list(zip(columns["iteration"], columns["metric"], columns["value"], strict=True))

    for iteration in set(columns["iteration"]):
        values = {metric: [v for i, m, v in rows if (i, m) == (iteration, metric)] for metric in ("ttft", "itl", "e2e")}
        assert len(values["itl"]) == 3
        assert values["ttft"][0] + sum(values["itl"]) == values["e2e"][0]


def test_rows_that_agree_score_one_and_leave_no_note():
    measurement = _measured(Counter())

    assert measurement.scores()["value"] == [1.0] * 4
    assert measurement.notes == []


def test_rows_that_differ_are_scored_and_noted():
    class Wrong(Counter):
        wrong_below = 14  # rows of 16, 14, 12 and 10 tokens

    measurement = _measured(Wrong())

    assert measurement.scores()["value"] == [1.0, 1.0, 0.5, 0.5]
    assert measurement.notes == [
        "2 of the 4 checked rows give different tokens in the batch than alone, the earliest from token 3 of 4 on"
    ]


def test_the_longest_and_the_most_padded_row_are_among_those_checked():
    assert _measured(Counter(), batch_size=16).scores()["item"] == [
        "row 0",
        "row 5",
        "row 10",
        "row 15",
    ]
    assert _measured(Counter(), batch_size=1).scores()["item"] == ["row 0"]


# Memory


def test_the_need_is_the_cache_by_formula_and_the_measured_rest_of_each_row():
    assert needed_bytes(rows=4, growth_bytes=100, cached_bytes=30, final_cache_bytes=50) == 4 * (70 + 50)
    assert needed_bytes(rows=4, growth_bytes=10, cached_bytes=30, final_cache_bytes=50) == 4 * 50


def test_a_batch_that_would_not_fit_is_refused_with_figures():
    with pytest.raises(MemoryError, match=r"batch of 64 not run: it would need about .* more, .* are available"):
        refuse_what_cannot_fit(CountingBatch(), [16] * 64, 16, kv_bytes_per_token=1 << 40, device="cpu")


def test_what_one_row_takes_is_measured():
    class Greedy(CountingBatch):
        def prefill(self, batch):
            bytearray(1 << 28)[:: 1 << 12] = bytes(1 << 16)  # touch 256 MiB, for each row
            return super().prefill(batch)

    refuse_what_cannot_fit(Greedy(), [16] * 2, 16, 0, "cpu")
    with pytest.raises(MemoryError, match="batch of 4096"):
        refuse_what_cannot_fit(Greedy(), [16] * 4096, 16, 0, "cpu")


_HUNGRY = """
    import os, signal
    from inference_bench.model.interfaces import BatchGenerator, TextGenerator
    from inference_bench.model.model import Model

    class Alone(TextGenerator):
        def prompt(self, length): return length
        def prefill(self, prompt): return 0
        def decode(self): return 0
        def generate(self, prompt, new_tokens): return [0] * new_tokens

    class Batch(BatchGenerator):
        def prompts(self, lengths): return len(lengths)
        def prefill(self, batch):
            self.rows = batch
            if batch > 2:
                {fault}
            return [0] * batch
        def decode(self): return [0] * self.rows

    class Hungry(Model):
        title = "more than two rows are too many"
        max_input_length = 4096
        needs_weights = False
        def load(self, setup, weights, steps):
            with steps.step("weights"): pass
        def unload(self): pass
        def generator(self): return Alone()
        def batch_generator(self): return Batch()
"""


def hungry(folder: Path, fault: str) -> Path:
    (folder / "hungry").mkdir(parents=True)
    (folder / "hungry" / "model.py").write_text(textwrap.dedent(_HUNGRY).format(fault=fault))
    return folder


def test_the_search_ends_where_memory_does(tmp_path):
    models = hungry(tmp_path / "models", "raise MemoryError('no room for the cache')")
    found = run(_spec("hungry", batch_size=(1, 2, 4, 8, 16), runs=2), tmp_path / "out", models).run

    results = {result.case.parameters["batch_size"]: result for result in found.results}
    assert [results[size].status for size in (1, 2, 4, 8, 16)] == [Status.OK] * 2 + [Status.OOM] * 3
    assert "no room for the cache" in results[4].failure.cause
    assert [results[size].failure.cause for size in (8, 16)] == ["not tried: batch size 4 ran out of memory"] * 2
    assert [len(results[size].workers) for size in (1, 2, 8, 16)] == [2, 2, 0, 0]


def test_a_kill_that_the_kernel_does_not_count_as_out_of_memory_does_not_end_the_search(tmp_path):
    models = hungry(tmp_path / "models", "os.kill(os.getpid(), signal.SIGKILL)")
    found = run(_spec("hungry", batch_size=(2, 4, 8)), tmp_path / "out", models).run

    assert [result.status for result in found.results] == [Status.OK, Status.CRASHED, Status.CRASHED]


def test_a_smaller_batch_and_another_length_are_still_tried():
    def case(size, length=16):
        return Case("m", "batch_processing", Setup(), {"batch_size": size, "input_length": length})

    benchmark = BatchProcessingBenchmark()
    assert benchmark.is_hopeless(case(8), after=case(4))
    assert not benchmark.is_hopeless(case(4), after=case(8))
    assert not benchmark.is_hopeless(case(4), after=case(4))
    assert not benchmark.is_hopeless(case(8, length=8), after=case(4))


# What is asked for


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("batch_size=1..64", (1, 2, 4, 8, 16, 32, 64)),
        ("batch_size=3..20", (3, 6, 12)),
        ("batch_size=5..5", (5,)),
        ("batch_size=1..4,6", (1, 2, 4, 6)),
    ],
)
def test_a_range_doubles(text, values):
    assert axis(text) == ("batch_size", values)


@pytest.mark.parametrize("word", ["0..4", "8..4"])
def test_a_range_that_cannot_double_is_refused(word):
    with pytest.raises(InvalidValueError, match=r"such as 1\.\.64"):
        axis(f"batch_size={word}")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"batch_size": (0,)}, InvalidValueError, "batch size: got 0, expected a whole number of at least 1"),
        ({"batch_size": ("many",)}, InvalidValueError, "batch size: got 'many'"),
        ({"lengths": ("mixd",)}, UnknownNameError, "did you mean 'mixed'"),
        ({"input_length": (1 << 20,)}, InvalidValueError, "at most 1048576, the positions of null"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        prepare(_spec("null", **change))


def test_a_model_that_cannot_generate_is_not_loaded():
    prepared = prepare(Spec(models=("all_minilm_l6_v2",), benchmarks=("batch_processing",)))

    assert set(prepared.not_applicable.values()) == {"all_minilm_l6_v2 cannot generate text; it can encode text"}


def test_a_model_without_batches_is_not_applicable(tmp_path, bad_models):
    (result,) = run(_spec("good", batch_size=(1,)), tmp_path, bad_models).run.results

    assert result.status is Status.NOT_APPLICABLE
    assert result.failure.cause == "good does not generate text in batches"


def test_a_model_says_so_itself():
    class Silent(Model):
        name = "silent"

        def load(self, *args): ...

        def unload(self): ...

    with pytest.raises(NotApplicableError, match="silent does not generate text in batches"):
        Silent().batch_generator()


def test_the_null_model_through_the_whole_path(tmp_path):
    found = run(_spec("null", batch_size=(1, 4)), tmp_path).run

    assert [result.status for result in found.results] == [Status.OK] * 2
    for result in found.results:
        summaries = {summary.metric: summary for summary in result.summaries}
        assert summaries["batch_agreement"].headline.value == 1.0
        throughput, e2e = summaries["output_throughput"], summaries["e2e"]
        generated = 4 * result.case.parameters["batch_size"]
        assert throughput.headline.value == pytest.approx(generated * 1e9 / e2e.headline.value)


def test_rows_of_a_real_batch_say_what_they_say_alone():
    found = load_model(find_models()["smollm2_135m_instruct"])
    setup = Setup(weights="random", scale="reduced")
    model = found()
    model.load(setup, resolve_weights(found, setup, print), LoadSteps())
    measurement = Measurement(QUICK)
    parameters = {"batch_size": 4, "input_length": 16, "new_tokens": 4, "lengths": "mixed"}
    case = Case(found.name, "batch_processing", setup, parameters)
    BatchProcessingBenchmark().measure(model, case, measurement)

    assert measurement.scores()["value"] == [1.0] * 4

from __future__ import annotations

import asyncio
import mmap

import numpy as np
import pytest

from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.benchmark.measurement import Measurement
from inference_bench.benchmarks import memory_usage
from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark, _score_leak
from inference_bench.machine.device_memory import DeviceMemory
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.interfaces import TextEncoder, TextGenerator
from inference_bench.model.load_steps import LoadStep, LoadSteps
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.plan import Case
from inference_bench.result import Scores
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import MIB

_CASE = Case("null", "memory_usage", Setup(), {"input_length": 16, "new_tokens": 4})
_REDUCED = Setup(weights="random", scale="reduced")


def null():
    return load_model(find_models()["null"])()


def measured(model, case=_CASE, steps=()):
    """Measure a model that loads nothing."""
    measurement = Measurement(Limits(), weights=ResolvedWeights("none", "", False))
    benchmark = MemoryUsageBenchmark()
    benchmark.before_load(case, measurement)
    measurement.load_steps = steps
    try:
        benchmark.measure(model, case, measurement)
    finally:
        measurement.sampler.stop()
    return measurement


def values(measurement, metric, phase):
    columns = measurement.columns()
    rows = zip(columns["metric"], columns["phase"], columns["stage"], columns["value"], strict=True)
    return [value for m, p, stage, value in rows if (m, p, stage) == (metric, phase, "measured")]


def touched(size_bytes):
    """Resident memory from the kernel itself: malloc might hand out pages that are resident already."""
    pages = mmap.mmap(-1, size_bytes)
    np.frombuffer(pages, dtype=np.uint8)[:] = 1
    return pages


class Holding(TextGenerator):
    """Keeps what each prefill adds; ``reset`` lets it go, unless it leaks."""

    def __init__(self, size_bytes, leaks=False):
        self.size_bytes, self.leaks, self.held = size_bytes, leaks, []

    def prompt(self, length):
        return length

    def prefill(self, prompt):
        self.held.append(touched(self.size_bytes))
        return 0

    def decode(self):
        return 0

    def reset(self):
        if not self.leaks:
            self.held.clear()

    def generate(self, prompt, new_tokens):
        return [0] * new_tokens


def holding(*args, **about):
    model = null()
    model.generator = lambda: Holding(*args)
    model.describe = lambda: about
    return model


def test_each_phase_of_each_repetition_is_a_sample():
    measurement = measured(null())

    for phase in ("prefill", "decode"):
        assert len(values(measurement, "rss_peak_sampled", phase)) == 10
    assert len(values(measurement, "rss_growth", "load")) == 1
    assert "between" not in measurement.columns()["phase"]


def test_growth_of_a_phase_is_what_it_took():
    growth = values(measured(holding(64 * MIB)), "rss_growth", "prefill")

    assert np.median(growth) == pytest.approx(64 * MIB, rel=0.05)


class OwnLoop(Holding):
    """Generates in a loop of its own, which cannot be stopped between tokens."""

    decodes_alone = False

    def decode(self):
        raise AssertionError("there is no such step")

    def generate(self, prompt, new_tokens):
        self.held.append(touched(new_tokens * 4 * MIB))
        return [0] * new_tokens


def test_without_steps_the_decode_phase_is_a_whole_generation():
    model = null()
    model.generator = lambda: OwnLoop(8 * MIB)
    growth = values(measured(model), "rss_growth", "decode")  # of four tokens
    assert len(growth) > 1
    assert all(size >= 16 * MIB for size in growth)


def test_pss_and_uss_stand_at_the_edges():
    measurement = measured(null())
    pss, uss = values(measurement, "pss_end", "prefill"), values(measurement, "uss_end", "prefill")

    assert len(pss) == len(uss) == 10
    assert 0 < uss[-1] <= pss[-1]


def test_the_formula_stands_beside_the_growth():
    measurement = measured(holding(16, kv_bytes_per_token=1000))

    assert set(values(measurement, "kv_cache_formula", "prefill")) == {16_000}
    assert set(values(measurement, "kv_cache_formula", "decode")) == {3_000}


def test_without_a_formula_there_is_no_figure():
    assert "kv_cache_formula" not in measured(holding(16, kv_bytes_per_token=None)).columns()["metric"]


def test_an_encoder_has_a_forward_phase():
    class Encoder(TextEncoder):
        def prompt(self, length, batch_size=1):
            return length

        def encode(self, prompt):
            return touched(32 * MIB)

        def encode_texts(self, texts):
            return []

    model = null()
    model.encoder = Encoder
    model.abilities = ("encode",)
    case = Case("null", "memory_usage", Setup(), {"input_length": 16})
    measurement = measured(model, case)

    assert set(measurement.columns()["phase"]) == {"load", "forward"}
    peaks = np.array(values(measurement, "rss_peak_hwm", "forward"))
    if len(peaks):
        assert np.median(peaks) - min(values(measurement, "pss_end", "forward")) > 16 * MIB


def test_a_real_encoder_has_cases():
    (case,) = prepare(Spec(models=("all_minilm_l6_v2",), benchmarks=("memory_usage",))).plan.cases

    assert dict(case.parameters) == {"input_length": 256}


def test_bytes_per_parameter_leave_the_framework_out():
    """Resident memory is read from the curve where the import ended; afterwards nothing was loaded here."""
    from inference_bench._native import now_ns

    imported = LoadStep("import", now_ns(), now_ns())
    scores = measured(holding(16, parameters=1_000_000), steps=[imported]).scores()

    rows = dict(zip(scores["metric"], scores["value"], strict=True))
    assert abs(rows["bytes_per_parameter"]) < 200


def test_a_model_that_does_not_count_its_parameters_has_no_bytes_of_them():
    assert "bytes_per_parameter" not in measured(null()).scores()["metric"]


# The leak


def leak_of(measurement):
    scores = measurement.scores()
    run = [0] * len(scores["value"])
    columns = {**scores, "run": run}
    arrays = {name: np.array(column) for name, column in columns.items()}
    return {s.phase: s.headline for s in summarise_scores(Scores(**arrays)) if s.metric == "leak_slope"}


def test_a_leak_is_found_and_noted():
    measurement = measured(holding(8 * MIB, True))
    found = leak_of(measurement)["host"]

    assert found.value == pytest.approx(8 * MIB, rel=0.05)
    assert 0 < found.low <= found.value <= found.high
    assert any(note.startswith("memory held on the host grows by 8.0") for note in measurement.notes)


def test_what_is_let_go_is_no_leak():
    measurement = measured(holding(8 * MIB, False))

    assert abs(leak_of(measurement)["host"].value) < MIB
    assert not any("8.0" in note for note in measurement.notes)


def test_noise_without_a_trend_is_not_noted():
    measurement = Measurement(Limits())
    _score_leak({"host": [100, 104, 99, 103, 101, 100, 102, 98, 104, 100]}, measurement)

    assert measurement.notes == []


# The GPU: its figures through the reader that test_device_memory.py tests


def test_device_figures_become_samples(monkeypatch):
    state = {"allocated": 1000}

    def read(device):
        assert device == "cuda"
        return DeviceMemory(state["allocated"], 2000, state["allocated"] + 50, 2100, 1 << 30, used_bytes=9000)

    class Growing(Holding):
        def prefill(self, prompt):
            state["allocated"] += 300
            return 0

        def reset(self):
            state["allocated"] = 1000

    monkeypatch.setattr(memory_usage, "read_device_memory", read)
    monkeypatch.setattr(memory_usage, "reset_device_peak", lambda device: None)
    model = null()
    model.generator = lambda: Growing(0)
    model.describe = lambda: {"parameters": 500}
    case = Case("null", "memory_usage", Setup(device="cuda"), {"input_length": 16, "new_tokens": 4})
    measurement = measured(model, case)

    assert values(measurement, "device_growth", "load") == [1000]
    assert set(values(measurement, "device_growth", "prefill")) == {300}
    assert set(values(measurement, "device_growth", "decode")) == {0}
    assert set(values(measurement, "device_allocated_peak", "prefill")) == {1350}
    assert set(values(measurement, "device_reserved_peak", "decode")) == {2100}
    assert set(values(measurement, "device_used", "prefill")) == {9000}
    scores = dict(zip(measurement.scores()["metric"], measurement.scores()["value"], strict=True))
    assert scores["bytes_per_parameter"] == 2.0
    assert leak_of(measurement)["device"].value == 0


# The whole path


def test_a_real_model_through_the_whole_path(tmp_path):
    request = Spec(
        models=("smollm2_135m_instruct",),
        benchmarks=("memory_usage",),
        setups=(_REDUCED,),
        axes={"input_length": (32,), "new_tokens": (4,)},
    )
    (result,) = asyncio.run(run_benchmarks(request, output=tmp_path)).run.results

    found = {(summary.metric, summary.phase): summary for summary in result.summaries}
    assert {("rss_growth", "load"), ("pss_end", "decode"), ("kv_cache_formula", "prefill")} <= set(found)
    assert 2 < found["bytes_per_parameter", "load"].headline.value < 100
    assert found["leak_slope", "host"].headline.low is not None
    model = load_model(find_models()["smollm2_135m_instruct"])
    config = model.config("reduced")  # type: ignore[attr-defined]
    per_token = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * 64 * 4
    assert found["kv_cache_formula", "prefill"].headline.value == 32 * per_token


def test_the_formula_is_the_growth_of_a_real_cache():
    """Measured on the tensors themselves: resident memory grows in steps of the allocator's own."""
    found = load_model(find_models()["smollm2_135m_instruct"])
    model = found()
    model.load(_REDUCED, resolve_weights(found, _REDUCED, print), LoadSteps())
    generator = model.generator()
    generator.prefill(generator.prompt(32))
    generator.decode()
    layers = generator._steps._cache["past_key_values"].layers  # type: ignore[attr-defined]
    held = sum(t.numel() * t.element_size() for layer in layers for t in (layer.keys, layer.values))

    assert held == 33 * model.describe()["kv_bytes_per_token"]

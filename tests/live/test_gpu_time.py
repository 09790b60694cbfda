"""A live model's time on the GPU: against a double of the driver, and on a device where there is one."""

from __future__ import annotations

import gc
import time
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from inference_bench import _native
from inference_bench.live import gpu_time

MS = 1_000_000
STREAM = 0x7F00
CONFIG = LlamaConfig(
    vocab_size=64,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=None,
    pad_token_id=0,
)


@pytest.fixture
def cuda(cuda_double, monkeypatch):
    """The double of the driver, under models that torch keeps on the CPU."""
    gc.collect()
    cuda_double.reset()
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", str(cuda_double.path))
    monkeypatch.setattr(gpu_time, "cuda_device", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: SimpleNamespace(cuda_stream=STREAM))
    yield cuda_double
    cuda_double.reset()


@pytest.fixture
def model(cuda):
    """A model each of whose passes launches 3 ms of work."""
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(CONFIG).eval()

    def launch(*_):
        cuda.launch(STREAM, 3 * MS)

    made.model.register_forward_pre_hook(launch)
    return made


def generate(model, tokens):
    prompt = torch.randint(3, 64, (1, 8), generator=torch.Generator().manual_seed(1))
    return model.generate(prompt, max_new_tokens=tokens, do_sample=False)


def histogram(profiler, cuda, name, count):
    """Let the device catch up, and give the native reader, a thread of its own, time to read."""
    cuda.advance(1000 * MS)
    deadline = time.monotonic() + 30
    while (found := profiler.snapshot().histogram(name)).total < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert found.total == count
    return found


def test_prefill_and_decode_are_what_was_launched_between_their_events(profiler, model, cuda):
    profiler.instrument(model, "tiny")
    generate(model, 5)
    assert histogram(profiler, cuda, "gpu_prefill", 1).sum_ns == 3 * MS
    assert histogram(profiler, cuda, "gpu_decode", 1).sum_ns == 4 * 3 * MS


def test_nothing_is_waited_for(profiler, model, cuda):
    waits = ("cuEventSynchronize", "cuStreamSynchronize", "cuCtxSynchronize")
    profiler.instrument(model, "tiny", forward=True)  # measures the floor of events, which waits
    before = [cuda.calls(name.encode()) for name in waits]
    generate(model, 3)
    assert [cuda.calls(name.encode()) for name in waits] == before
    assert profiler.snapshot().histogram("gpu_prefill").total == 0  # the device stands still: there is nothing to read


def test_each_forward_and_each_module(profiler, model, cuda):
    def launch(*_):
        cuda.launch(STREAM, MS)

    model.model.layers[0].mlp.up_proj.register_forward_pre_hook(launch)
    profiler.instrument(model, "tiny", generate=False, forward=True, modules="model.layers.*.mlp")
    generate(model, 4)
    assert histogram(profiler, cuda, 'gpu_time{model="tiny",module="forward"}', 4).sum_ns == 4 * 4 * MS
    mlp = histogram(profiler, cuda, 'gpu_time{model="tiny",module="model.layers.0.mlp"}', 4)
    assert mlp.sum_ns == 4 * MS


def test_a_generation_that_fails_leaves_no_interval_open(profiler, model, cuda):
    profiler.instrument(model, "tiny")

    def stop(*_):
        raise RuntimeError("out of luck")

    hook = model.lm_head.register_forward_pre_hook(stop)
    for _ in range(300):  # more than may be open at once
        with pytest.raises(RuntimeError, match="out of luck"):
            generate(model, 2)
    hook.remove()
    cuda.advance(1000 * MS)
    profiler.snapshot()
    generate(model, 2)
    histogram(profiler, cuda, "gpu_decode", 1)


def test_a_captured_stream_loses_its_interval_and_nothing_else(profiler, model, cuda):
    profiler.instrument(model, "tiny")
    cuda.capture(STREAM, 1)
    captured = generate(model, 3)
    cuda.capture(STREAM, 0)
    assert torch.equal(generate(model, 3), captured)
    histogram(profiler, cuda, "gpu_prefill", 1)


def test_too_many_open_intervals_are_no_error(cuda):
    timer = gpu_time.make_timer(0)
    counts = _native.Histogram()
    opened = [timer.begin(counts) for _ in range(257)]
    assert opened[-1] == gpu_time.NONE
    for interval in opened:
        timer.end(interval)
    timer.end(opened[0])  # twice
    cuda.advance(MS)
    timer.harvest(wait=True)


def test_without_a_device_there_are_no_such_series(profiler, monkeypatch):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIG).eval()
    profiler.instrument(model, "tiny", forward=True)
    generate(model, 2)
    assert not [key for key in profiler.snapshot().histograms if key.name.startswith("gpu_")]


def test_where_events_do_not_work_the_host_is_measured_all_the_same(profiler, monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", "/nonexistent.so")
    monkeypatch.setattr(gpu_time, "cuda_device", lambda _: 0)
    model = AutoModelForCausalLM.from_config(CONFIG).eval()
    profiler.instrument(model, "tiny")
    generate(model, 2)
    snapshot = profiler.snapshot()
    assert snapshot.histogram("ttft").total == 1
    assert not [key for key in snapshot.histograms if key.name.startswith("gpu_")]


@pytest.mark.gpu
def test_on_a_device_the_events_lie_within_what_the_host_saw(profiler):
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} sees no CUDA device")
    model = AutoModelForCausalLM.from_config(CONFIG).eval().to("cuda")
    profiler.instrument(model, "tiny")
    ids = torch.randint(3, 64, (1, 8), device="cuda")
    bare = model.generate(ids, max_new_tokens=8, do_sample=False)
    torch.cuda.synchronize()
    time.sleep(0.5)
    snapshot = profiler.snapshot()
    assert bare.shape == (1, 16)
    spans = snapshot.spans["tiny.generate"]
    assert snapshot.histogram("gpu_prefill").total == snapshot.histogram("gpu_decode").total == 1
    assert 0 < snapshot.histogram("gpu_decode").sum_ns < spans.sum_ns

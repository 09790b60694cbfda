"""What an instrumented ``generate`` costs by the token, beside OpenTelemetry spans per token and torch.profiler.

One real model, one process; the ways take turns, so each round gives a pair of every way with the bare model, which
runs twice a round: by as much as these two differ, identical things differ here (the A/A floor). The OpenTelemetry way
begins a span at every question of the decoding loop, ends the one before, and throws finished ones away in a batch
processor. torch.profiler records what the CPU does, and a GPU; its starting and stopping are not counted.

What one token adds is far below what a generation scatters by, so it is also timed alone, in a tight loop.

Run as ``python -m bench.live_tokens``; exits with 1 if the instrumented model's shift leaves the floor or passes 0.3 %.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from bench.interleave import Candidate, time_interleaved
from bench.peers import opentelemetry_provider
from inference_bench._native import now_ns
from inference_bench.analysis.location_shift import Shift, paired_shift
from inference_bench.analysis.noise_floor import pair_floor
from inference_bench.live import Profiler
from inference_bench.live.generation import Generation, GenerationSeries
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from inference_bench.units import format_ns

TARGET = 0.003
BARE, AGAIN, OURS = "bare", "bare, again", "inference_bench"
LOOP = "_has_unfinished_sequences"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds (default: 40)")
    parser.add_argument("--tokens", type=int, default=32, help="new tokens of a generation (default: 32)")
    parser.add_argument("--model", default="smollm2_135m_instruct", help="default: smollm2_135m_instruct")
    parser.add_argument("--weights", default="auto", help="source or folder, as for `run` (default: auto)")
    parser.add_argument("--scale", default="full", help="as for `run` (default: full)")
    parser.add_argument("--device", default="cpu", help="as for `run` (default: cpu)")
    given = parser.parse_args()
    setup = Setup(given.device, threads=available_cpus(), weights=given.weights, scale=given.scale)
    model = _load(given.model, setup)
    with Profiler("bench", budget=1.0) as profiler:
        took = _generations(model, profiler, given.rounds, given.tokens)
        alone_ns = _token_alone(profiler)
    bare = took[BARE]
    floor = pair_floor(np.column_stack([bare, took[AGAIN]]))
    per_token = float(np.median(bare)) / given.tokens
    print(f"{given.model}, {setup.threads} threads, {given.rounds} rounds of {given.tokens} tokens")
    print(f"A/A floor of these rounds: {_percent(floor)}; one token bare: {format_ns(per_token)}\n")
    print("| way | shift per token | 95 % interval | added to a token |\n|---|---:|---:|---:|")
    shifts = {name: paired_shift(np.log(np.array(values) / bare)) for name, values in took.items() if name != BARE}
    for name, shift in shifts.items():
        added = f"{per_token * math.expm1(shift.value) / 1000:+,.1f} µs"
        print(f"| {name} | {_percent(shift.value)} | {_interval(shift)} | {added} |")
    print(f"\none token alone, in a tight loop: {format_ns(alone_ns)}, {alone_ns / per_token:.4%} of a token")
    lowest, _ = shifts[OURS].interval() or (-math.inf, math.inf)
    return int(lowest > floor or shifts[OURS].value > TARGET)


def _load(name: str, setup: Setup) -> Any:
    model_class: Any = load_model(find_models()[name])
    model = model_class()
    model.load(setup, resolve_weights(model_class, setup, lambda text: print(text, file=sys.stderr)), LoadSteps())
    return model


def _generations(model: Any, profiler: Profiler, rounds: int, tokens: int) -> dict[str, list[int]]:
    """Return what each generation took, in nanoseconds, by way."""
    import torch

    network = model.network
    ids = torch.tensor([model.prompt_ids(32)], device=network.device)
    kinds = torch.profiler.ProfilerActivity
    activities = [kinds.CPU, kinds.CUDA] if network.device.type == "cuda" else [kinds.CPU]
    eos, network.generation_config.eos_token_id = network.generation_config.eos_token_id, None

    def generate() -> int:
        began_ns = now_ns()
        network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
        return now_ns() - began_ns

    ways: dict[str, Callable[[], AbstractContextManager[object]]] = {
        BARE: nullcontext,
        OURS: lambda: _instrumented(profiler, network),
        AGAIN: nullcontext,
        "OpenTelemetry, a span a token": _opentelemetry(network),
        "torch.profiler": lambda: torch.profiler.profile(activities=activities),
    }
    names = list(ways)
    took: dict[str, list[int]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            with ways[name]():
                took_ns = generate()
            if number:  # the first round warms up
                took[name].append(took_ns)
    network.generation_config.eos_token_id = eos
    return took


@contextmanager
def _instrumented(profiler: Profiler, network: Any) -> Iterator[None]:
    profiler.instrument(network)
    try:
        yield
    finally:
        profiler.uninstrument(network)


def _opentelemetry(network: Any) -> Callable[[], AbstractContextManager[object]]:
    tracer = opentelemetry_provider().get_tracer("bench")

    @contextmanager
    def instrumented() -> Iterator[None]:
        ask = getattr(network, LOOP)
        span = tracer.start_span("token")

        @functools.wraps(ask)
        def traced(*args: Any, **kwargs: Any) -> Any:
            nonlocal span
            span.end()
            span = tracer.start_span("token")
            return ask(*args, **kwargs)

        setattr(network, LOOP, traced)
        try:
            yield
        finally:
            delattr(network, LOOP)
            span.end()

    return instrumented


def _token_alone(profiler: Profiler) -> float:
    """Return the nanoseconds of what the decoding loop does for one token."""
    generation = Generation(GenerationSeries(profiler.book, profiler.sampling, "alone"))
    (cost,) = time_interleaved([Candidate("token", "iterate()", {"iterate": generation.iterate})]).values()
    return cost.median


def _percent(shift: float) -> str:
    return f"{math.expm1(shift):+.3%}"


def _interval(shift: Shift) -> str:
    ends = shift.interval()
    return "too few rounds" if ends is None else f"[{_percent(ends[0])}, {_percent(ends[1])}]"


if __name__ == "__main__":
    sys.exit(main())

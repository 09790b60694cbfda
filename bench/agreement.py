"""Do our figures agree with an independent measurement of the same work?

Three ways to time the default model, interleaved round by round in one process so that drift of the machine falls on
all alike: our benchmark's own code path, a plain loop with ``time.perf_counter_ns``, and ``torch.utils.benchmark``. The
two others share nothing with us but torch and transformers: they build their own inputs and call the model themselves.

Run as ``python -m bench.agreement``; exits with 1 if any pair of intervals does not overlap.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inference_bench._native import TickRecorder
from inference_bench.analysis.estimates import median_estimate
from inference_bench.benchmarks._steps import time_steps
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.result import Estimate
from inference_bench.spec import Setup
from inference_bench.units import format_ns

MODEL = "smollm2_135m_instruct"
NEW_TOKENS = 32
_MOST_ROUNDS = 3
"""Times the asked-for rounds, where so many are needed for every interval to exist."""
METRICS = ("prefill", "decode step", "end to end")


def main() -> int:
    """Print a table of medians and intervals, and say whether they overlap."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=16, help="rounds per input length (default: 16)")
    arguments.add_argument("--input-lengths", default="32,128,512", help="default: 32,128,512")
    arguments.add_argument("--output", type=Path, help="also write the table here, as Markdown")
    given = arguments.parse_args()
    model = _load()
    rows = []
    for length in map(int, given.input_lengths.split(",")):
        rows += _compare(model, length, given.rounds)
    text = _table(rows)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")
    return 0 if all(row[-1] for row in rows) else 1


def _load() -> Any:
    cls = load_model(find_models()[MODEL])
    setup = Setup(threads=available_cpus())
    model = cls()
    model.load(setup, resolve_weights(cls, setup, lambda text: print(text, file=sys.stderr)), LoadSteps())
    return model


def _compare(model: Any, length: int, rounds: int) -> list[tuple[int, str, dict[str, Estimate], bool]]:
    """Time one input length in all three ways."""
    import torch

    generator = model.generator()
    prompt = generator.prompt(length)
    tokens = torch.as_tensor(np.asarray(prompt).reshape(1, -1))
    # What our generator wraps; the other two ways must reach it without our code.
    inner = model.network
    ways: dict[str, Callable[[], dict[str, list[int]]]] = {
        "inference_bench": lambda: _ours(generator, prompt),
        "perf_counter_ns": lambda: _plain_loop(inner, tokens),
        "torch.utils.benchmark": lambda: _torch_timer(inner, tokens),
    }
    found: dict[str, dict[str, list[int]]] = {name: {metric: [] for metric in METRICS} for name in ways}
    names = list(ways)
    for round_number in range(_MOST_ROUNDS * rounds + 1):
        if round_number > rounds and all(_settled(estimates) for estimates in _estimates(found).values()):
            break
        # Rotated, so that no way always runs right after the same other one.
        for name in names[round_number % 3 :] + names[: round_number % 3]:
            for metric, values in ways[name]().items():
                if round_number > 0:  # the first round warms up
                    found[name][metric] += values
    estimates = _estimates(found)
    return [(length, metric, estimates[metric], _all_overlap(list(estimates[metric].values()))) for metric in METRICS]


def _estimates(found: dict[str, dict[str, list[int]]]) -> dict[str, dict[str, Estimate]]:
    return {
        metric: {name: median_estimate(np.array(values[metric], dtype=np.int64)) for name, values in found.items()}
        for metric in METRICS
    }


def _settled(estimates: dict[str, Estimate]) -> bool:
    """Whether each median has an interval: rounds that follow each other too closely are worth fewer."""
    return all(estimate.low is not None and estimate.high is not None for estimate in estimates.values())


def _ours(generator: Any, prompt: Any) -> dict[str, list[int]]:
    recorder = TickRecorder(NEW_TOKENS + 1)
    time_steps(generator, prompt, NEW_TOKENS, recorder)
    generator.reset()
    t = recorder.nanoseconds().tolist()
    return _figures(t)


def _figures(t: list[int]) -> dict[str, list[int]]:
    """Return one value a figure: a decode step is the mean over a generation, all that the Timer's way can know."""
    return {"prefill": [t[1] - t[0]], "decode step": [(t[-1] - t[1]) // (NEW_TOKENS - 1)], "end to end": [t[-1] - t[0]]}


def _plain_loop(module: Any, tokens: Any) -> dict[str, list[int]]:
    import torch

    t = []
    with torch.inference_mode():
        t.append(time.perf_counter_ns())
        output = module(input_ids=tokens, use_cache=True, logits_to_keep=1)
        token = output.logits[:, -1].argmax(-1, keepdim=True)
        token.item()
        t.append(time.perf_counter_ns())
        for _ in range(NEW_TOKENS - 1):
            output = module(input_ids=token, past_key_values=output.past_key_values, use_cache=True)
            token = output.logits[:, -1].argmax(-1, keepdim=True)
            token.item()
            t.append(time.perf_counter_ns())
    return _figures(t)


def _torch_timer(module: Any, tokens: Any) -> dict[str, list[int]]:
    """Time prefill and the whole generation as one statement each; a decode step is the difference over its number."""
    import torch
    from torch.utils.benchmark import Timer

    def generate(new_tokens: int) -> None:
        with torch.inference_mode():
            output = module(input_ids=tokens, use_cache=True, logits_to_keep=1)
            token = output.logits[:, -1].argmax(-1, keepdim=True)
            token.item()
            for _ in range(new_tokens - 1):
                output = module(input_ids=token, past_key_values=output.past_key_values, use_cache=True)
                token = output.logits[:, -1].argmax(-1, keepdim=True)
                token.item()

    def seconds(new_tokens: int) -> float:
        # The Timer sets one thread unless told otherwise.
        timer = Timer("f(n)", globals={"f": generate, "n": new_tokens}, num_threads=torch.get_num_threads())
        return float(timer.timeit(1).median)

    prefill, whole = round(seconds(1) * 1e9), round(seconds(NEW_TOKENS) * 1e9)
    return {"prefill": [prefill], "decode step": [(whole - prefill) // (NEW_TOKENS - 1)], "end to end": [whole]}


def _all_overlap(estimates: list[Estimate]) -> bool:
    if any(estimate.low is None or estimate.high is None for estimate in estimates):
        return False
    return max(e.low for e in estimates if e.low is not None) <= min(e.high for e in estimates if e.high is not None)


def _table(rows: list[tuple[int, str, dict[str, Estimate], bool]]) -> str:
    names = list(rows[0][2])
    lines = ["| input | what | " + " | ".join(names) + " | intervals |", "|---|---|" + "---|" * (len(names) + 1)]
    for length, metric, estimates, overlap in rows:
        cells = [_cell(estimates[name]) for name in names]
        lines.append(f"| {length} | {metric} | " + " | ".join(cells) + f" | {_verdict(estimates, overlap)} |")
    return "\n".join(lines)


def _verdict(estimates: dict[str, Estimate], overlap: bool) -> str:
    if not _settled(estimates):
        return "not settled"
    return "overlap" if overlap else "DISAGREE"


def _cell(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "too few rounds"
    return f"{format_ns(estimate.value)} [{format_ns(estimate.low)}, {format_ns(estimate.high)}]"


if __name__ == "__main__":
    sys.exit(main())

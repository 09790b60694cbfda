"""Time the steps of a generation, of one sequence or of a batch, and record its samples."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from statistics import fmean
from typing import TYPE_CHECKING

from inference_bench.benchmark.breakdown.step_sequence import StepSequence
from inference_bench.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench._native import TickRecorder
    from inference_bench.benchmark.measurement import Iteration
    from inference_bench.model.interfaces import BatchGenerator, Prompt, TextGenerator


def time_steps(
    generator: TextGenerator | BatchGenerator, prompt: Prompt, new_tokens: int, recorder: TickRecorder
) -> None:
    """Generate and record one tick between steps: t[0] … t[new_tokens] in ``recorder``."""
    recorder.clear()
    generator.timed(prompt, new_tokens, recorder.tick)


def generation_steps(generator: TextGenerator | BatchGenerator, prompt: Prompt) -> StepSequence:
    """Return a prefill and the decode step after it."""
    return StepSequence({"prefill": partial(generator.prefill, prompt), "decode": generator.decode}, generator.reset)


def work_of(ids: Sequence[int]) -> dict[str, object]:
    """Return the length and a digest of a prompt's ids, for ``Measurement.work``; nothing without ids."""
    if not ids:
        return {}
    digest = sha256(" ".join(map(str, ids)).encode()).hexdigest()
    return {"prompt_tokens": len(ids), "prompt_ids": digest[:16]}


def own_clock_note(generator: TextGenerator, prompt: Prompt, new_tokens: int, recorder: TickRecorder) -> str:
    """Return how one more generation took by the engine's own clock and by ours; empty if it has none."""
    if generator.own_times() is None:
        return ""
    time_steps(generator, prompt, new_tokens, recorder)
    own_prompt_ns, own_tokens_ns = generator.own_times() or (0, ())
    t = recorder.nanoseconds().tolist()
    said = [_compared("prompt", own_prompt_ns, t[1] - t[0])]
    if own_tokens_ns and len(t) > 2:
        said.append(_compared("a further token", fmean(own_tokens_ns), (t[-1] - t[1]) / (len(t) - 2)))
    return f"one generation by the engine's own clock: {', '.join(said)}; ours has what a step includes around it"


def _compared(what: str, own_ns: float, ours_ns: float) -> str:
    difference = f" ({ours_ns / own_ns - 1:+.1%})" if own_ns else ""
    return f"{what} {own_ns / NS_PER_MS:.3f} ms, by ours {ours_ns / NS_PER_MS:.3f} ms{difference}"


def record_steps(iteration: Iteration, recorder: TickRecorder, new_tokens: int) -> None:
    """Turn the ticks of one generation into samples, by the formulas in ``metrics``."""
    t = recorder.nanoseconds().tolist()
    iteration.record("ttft", t[1] - t[0], start_ns=t[0], phase="prefill")
    if len(t) <= new_tokens:
        return
    for step in range(2, new_tokens + 1):
        iteration.record("itl", t[step] - t[step - 1], start_ns=t[step - 1], phase="decode", step=step)
    if new_tokens > 1:
        iteration.record("tpot", (t[-1] - t[1]) // (new_tokens - 1), start_ns=t[1], phase="decode")
    iteration.record("e2e", t[-1] - t[0], start_ns=t[0])

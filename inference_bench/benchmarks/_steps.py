"""Time the steps of a generation, of one sequence or of a batch, and record its samples."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

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


def work_of(ids: Sequence[int]) -> dict[str, object]:
    """Return the length and a digest of a prompt's ids, for ``Measurement.work``; nothing without ids."""
    if not ids:
        return {}
    digest = sha256(" ".join(map(str, ids)).encode()).hexdigest()
    return {"prompt_tokens": len(ids), "prompt_ids": digest[:16]}


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

"""Inference speed of a text generator: prefill and decode apart, batch 1, greedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench._native import TickRecorder
from inference_bench.benchmark import Benchmark
from inference_bench.errors import InvalidValueError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.measurement import Iteration, Measurement
    from inference_bench.model import Model, TextGenerator
    from inference_bench.plan import Case

_GENERATION_EVERY = 4
"""One iteration in four is a whole generation, the others stop after the first token.

A generation yields one TTFT but as many inter-token intervals as it has decode steps, and costs ten times a prefill.
Without this, nine tenths of the time would go into intervals that are precise long before TTFT is.
"""


class InferenceSpeedBenchmark(Benchmark):
    """Time the first token, each later one, and the whole generation."""

    title = "Inference speed"
    axes = (
        Axis("input_length", (32, 128, 512), help="tokens of the prompt"),
        Axis("new_tokens", (32,), help="tokens to generate; end-of-sequence is ignored"),
    )
    targets = ("ttft", "itl")
    headline = ("ttft", "itl", "tpot", "e2e", "prefill_rate", "decode_rate")

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a generation that the model's positions do not hold."""
        model.require("generate")
        check_length(model, case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Alternate whole generations and lone prefills until TTFT and ITL are precise."""
        generator = model.generator()
        prompt = generator.prompt(case.integer("input_length"))
        new_tokens = case.integer("new_tokens")
        measurement.rates |= {"prefill_rate": case.integer("input_length"), "decode_rate": 1}
        recorder = TickRecorder(new_tokens + 1)
        targets = self.targets if new_tokens > 1 else ("ttft",)
        for iteration in measurement.iterations(targets):
            whole = iteration.index <= 1 or iteration.index % _GENERATION_EVERY == 0
            _generate(generator, prompt, new_tokens if whole else 1, recorder)
            # Freeing the cache of a long prompt takes a fraction of a millisecond, which belongs to no token.
            generator.reset()
            _record(iteration, recorder, new_tokens)


def check_length(model: type[Model], case: Case) -> None:
    """Refuse a prompt and generation that exceed the model's positions.

    Raises:
        InvalidValueError: they do.
    """
    length, new_tokens = case.integer("input_length"), case.integer("new_tokens")
    if length + new_tokens > model.max_input_length:
        raise InvalidValueError(
            "input length + new tokens",
            length + new_tokens,
            f"at most {model.max_input_length}, the positions of {model.name}",
            "Ask for fewer with --input-lengths or --new-tokens.",
        )


def _generate(generator: TextGenerator, prompt: Any, new_tokens: int, recorder: TickRecorder) -> None:
    """Generate with one clock reading between steps; ``recorder`` then holds t[0] … t[new_tokens]."""
    recorder.clear()
    tick, decode = recorder.tick, generator.decode
    tick()
    generator.prefill(prompt)
    tick()
    for _ in range(new_tokens - 1):
        decode()
        tick()


def _record(iteration: Iteration, recorder: TickRecorder, new_tokens: int) -> None:
    """Turn the instants of one generation into samples, by the formulas of ``metrics``."""
    t = recorder.nanoseconds().tolist()
    iteration.record("ttft", t[1] - t[0], start_ns=t[0], phase="prefill")
    if len(t) <= new_tokens:
        return
    for step in range(2, new_tokens + 1):
        iteration.record("itl", t[step] - t[step - 1], start_ns=t[step - 1], phase="decode", step=step)
    if new_tokens > 1:
        iteration.record("tpot", (t[-1] - t[1]) // (new_tokens - 1), start_ns=t[1], phase="decode")
    iteration.record("e2e", t[-1] - t[0], start_ns=t[0])

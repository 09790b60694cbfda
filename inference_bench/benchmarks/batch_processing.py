"""Static batches: throughput and latency by batch size, up to the memory limit."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from inference_bench._native import TickRecorder
from inference_bench.benchmark.accuracy.divergence import first_difference
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._batched_calls import check_batches, checked_rows, measure_batch_of_calls
from inference_bench.benchmarks._calls import BATCH, call_steps, with_call_axes
from inference_bench.benchmarks._described import whole_number
from inference_bench.benchmarks._lengths import check_length, fitting
from inference_bench.benchmarks._memory_guard import refuse_what_cannot_fit
from inference_bench.benchmarks._steps import generation_steps, record_steps, time_steps
from inference_bench.demands import Passes
from inference_bench.errors import UnknownNameError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.breakdown.step_sequence import StepSequence
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.interfaces import BatchGenerator, Prompt, TextGenerator
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_LENGTHS = ("mixed", "equal")

T_co = TypeVar("T_co", covariant=True)


class BatchProcessingBenchmark(Benchmark):
    """Time whole generations, or calls, of a batch whose requests start and end together.

    A request's latency is the batch's end-to-end time. Prompts of mixed lengths are padded on the left to the longest;
    padded and unpadded tokens are counted separately. Some rows are compared with a run alone. A model that cannot
    generate is called with inputs of ``batch_size`` items.
    """

    title = "Batch processing"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("batch_size", (1, 2, 4, 8, 16), help="requests in a batch; 1..64 on the command line: 1, 2, 4 … 64"),
        Axis("input_length", (128,), help="tokens of the longest prompt, to which the others are padded"),
        Axis("new_tokens", (16,), help="tokens to generate; end-of-sequence is ignored"),
        Axis("lengths", ("mixed",), help="of the prompts: mixed (from half the input length to all of it) or equal"),
    )
    targets = ("e2e",)
    headline = (
        *("ttft", "itl", "e2e", "output_throughput", "total_throughput", "padded_throughput", "batch_agreement"),
        *("call_time", "item_rate", "output_error", "same_values"),
    )

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports; for calls, those of its inputs."""
        if _calls(model):
            return with_call_axes(tuple(axis for axis in cls.axes if axis.name == BATCH), model)
        return fitting(cls.axes, model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse more tokens than the model supports, and calls that take no batch."""
        if _calls(model):
            check_batches(model, case)
            return
        model.require("generate")
        check_length(model, case)
        if case.parameters["lengths"] not in _LENGTHS:
            raise UnknownNameError("lengths", str(case.parameters["lengths"]), _LENGTHS)

    def is_hopeless(self, case: Case, after: Case) -> bool:
        """Return whether this is the same case with a larger batch."""
        same = {**after.parameters, "batch_size": case.parameters["batch_size"]} == dict(case.parameters)
        return same and case.integer("batch_size") > after.integer("batch_size")

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Repeat the batch until its end-to-end time is precise, then compare rows with a run alone.

        Raises:
            MemoryError: the batch would not fit into memory.
        """
        if _calls(type(model)):
            measure_batch_of_calls(model, case, measurement)
        else:
            self._measure_generation(model, case, measurement)

    def steps(self, model: Model, case: Case) -> StepSequence:
        """Return a prefill and a decode step of the whole batch, or its call."""
        if _calls(type(model)):
            return call_steps(model, case)
        generator = model.batch_generator()
        return generation_steps(generator, generator.prompts(_lengths_of(model, case)))

    def _measure_generation(self, model: Model, case: Case, measurement: Measurement) -> None:
        new_tokens = case.integer("new_tokens")
        lengths = _lengths_of(model, case)
        generator = model.batch_generator()
        kv_bytes_per_token = whole_number(model.describe(), "kv_bytes_per_token") or 0
        if len(lengths) > 1:
            refuse_what_cannot_fit(generator, lengths, new_tokens, kv_bytes_per_token, case.setup.device)
        measurement.rates |= token_rates(lengths, new_tokens)
        measurement.passes = Passes(max(lengths), new_tokens, len(lengths))
        batch = generator.prompts(lengths)
        recorder = TickRecorder(new_tokens + 1)
        for iteration in measurement.iterations(self.targets):
            time_steps(generator, batch, new_tokens, recorder)
            generator.reset()
            record_steps(iteration, recorder, new_tokens)
        _compare(generator, model.generator(), lengths, new_tokens, measurement)


def _calls(model: type[Model]) -> bool:
    """Return whether batches of this model are calls: it can be called, and cannot generate."""
    return "call" in model.abilities and "generate" not in model.abilities


def _lengths_of(model: Model, case: Case) -> list[int]:
    """Return the prompt length of each row of a case."""
    length = case.integer("input_length")
    return row_lengths(
        case.integer("batch_size"), length, model.min_input_length if case.parameters["lengths"] == "mixed" else length
    )


def row_lengths(batch_size: int, input_length: int, minimum: int) -> list[int]:
    """Return the prompt length of each row, evenly spaced from ``input_length`` to half of it, or to the minimum."""
    spread = input_length // 2
    return [max(input_length - spread * row // batch_size, minimum) for row in range(batch_size)]


def token_rates(lengths: Sequence[int], new_tokens: int) -> dict[str, float]:
    """Return the tokens or requests per batch, for each throughput metric."""
    generated = len(lengths) * new_tokens
    return {
        "output_throughput": generated,
        "total_throughput": sum(lengths) + generated,
        "padded_throughput": len(lengths) * max(lengths) + generated,
        "request_throughput": len(lengths),
    }


def _compare(
    generator: BatchGenerator,
    alone: TextGenerator,
    lengths: Sequence[int],
    new_tokens: int,
    measurement: Measurement,
) -> None:
    """Score how many tokens each row has in common with a run alone: padding and rounding may change a close choice."""
    together = _tokens(generator, generator.prompts(lengths), new_tokens)
    rows = checked_rows(len(lengths))
    divergences = []
    for row in rows:
        expected = _tokens(alone, alone.prompt(lengths[row]), new_tokens)
        batched = [tokens[row] for tokens in together]
        equal = first_difference(expected, batched)
        if equal < new_tokens:
            divergences.append(equal)
        detail = {"input_length": lengths[row], "alone": expected, "batched": batched}
        measurement.score("batch_agreement", "batch", f"row {row}", equal / new_tokens, detail=detail)
    if divergences:
        measurement.notes.append(
            f"{len(divergences)} of the {len(rows)} checked rows give different tokens in the batch than alone, "
            f"the earliest from token {min(divergences) + 1} of {new_tokens} on"
        )


class _Steps(Protocol[T_co]):
    """A generator whose steps return one token, or one token per sequence."""

    def prefill(self, prompt: Prompt, /) -> T_co: ...
    def decode(self) -> T_co: ...
    def reset(self) -> None: ...


def _tokens(generator: _Steps[T_co], prompt: Prompt, new_tokens: int) -> list[T_co]:
    """Return the tokens of each step, copied: a generator may return the same list each time."""
    steps = [copy(generator.prefill(prompt)), *(copy(generator.decode()) for _ in range(new_tokens - 1))]
    generator.reset()
    return steps

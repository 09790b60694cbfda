"""Rates by the definition of llama-bench, and what real generation adds to them.

llama-bench (tools/llama-bench/llama-bench.cpp, read at b10605): ``pp N`` runs N random tokens, the first of them the
beginning of a text, and waits once at the end; ``tg N`` runs N single tokens from an empty cache and waits after each,
where the next token is random too. Nothing is chosen and nothing is copied. Each is repeated five times after one
prompt and one token that do not count; the figure is the mean of the rates.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import fmean, stdev, variance
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from inference_bench._native import now_ns
from inference_bench.errors import NotApplicableError
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

REPETITIONS = 5
PROMPT, TOKENS = "llama_bench_pp", "llama_bench_tg"
"""Metrics: tokens of a prompt, and of a generation, per second."""
_TASK = "llama-bench"
_NS_PER_US = 1e3


@runtime_checkable
class LlamaSteps(Protocol):
    """What llama-bench does to a context."""

    vocabulary: int
    first_token: int

    def reset(self) -> None:
        """Empty the cache."""

    def push(self, ids: Sequence[int]) -> None:
        """Run tokens after those so far, with logits of the last, and do not wait."""

    def wait(self) -> None:
        """Wait until everything is computed."""

    def prefill(self, ids: Sequence[int]) -> int:
        """Run a prompt and choose the next token."""

    def decode(self) -> int:
        """Run the last token and choose the next."""


def check_llama_bench(model: type[Model]) -> None:
    """Refuse another engine.

    Raises:
        NotApplicableError: llama-bench measures llama.cpp.
    """
    if model.engine != "llama_cpp":
        raise NotApplicableError("view llama_bench is a definition of llama.cpp's: add --engine llama_cpp")


def measure_llama_bench(model: Model, case: Case, measurement: Measurement) -> None:
    """Repeat ``pp`` and ``tg``, then time real generation and say what it adds."""
    session = getattr(model, "session", None)
    if not isinstance(session, LlamaSteps):
        raise NotApplicableError(f"{model.name} cannot be driven as llama-bench does")
    length, new_tokens = case.integer("input_length"), case.integer("new_tokens")
    draw = random.Random(case.setup.seed)
    prompt = [session.first_token, *(draw.randrange(session.vocabulary) for _ in range(length - 1))]
    single = [session.first_token, *(draw.randrange(session.vocabulary) for _ in range(new_tokens - 1))]
    _prompt_ns(session, prompt)
    _tokens_ns(session, single[:1])
    found: dict[str, list[float]] = {PROMPT: [], TOKENS: []}
    for repetition in range(REPETITIONS):
        found[PROMPT].append(length * NS_PER_S / _prompt_ns(session, prompt))
        found[TOKENS].append(new_tokens * NS_PER_S / _tokens_ns(session, single))
        for metric, rates in found.items():
            measurement.score(metric, _TASK, f"{repetition + 1}", rates[-1])
        measurement.progress(repetition + 1, REPETITIONS)
    measurement.notes.append(_as_llama_bench_prints(found, length, new_tokens))
    measurement.notes.append(_itemised(session, prompt, single, found[TOKENS]))


def _prompt_ns(session: LlamaSteps, prompt: Sequence[int]) -> int:
    session.reset()
    begin_ns = now_ns()
    session.push(prompt)
    session.wait()
    return now_ns() - begin_ns


def _tokens_ns(session: LlamaSteps, tokens: Sequence[int]) -> int:
    session.reset()
    begin_ns = now_ns()
    for token in tokens:
        session.push([token])
        session.wait()
    return now_ns() - begin_ns


def _generated_ns(session: LlamaSteps, prompt: Sequence[int], new_tokens: int) -> int:
    """Return the time of the tokens after the first, with each chosen by the last."""
    session.prefill(prompt)
    begin_ns = now_ns()
    for _ in range(new_tokens):
        session.decode()
    return now_ns() - begin_ns


def _repeated(measure: Callable[[], int], tokens: int) -> list[float]:
    """Return the microseconds of a token in each repetition."""
    return [measure() / (tokens * _NS_PER_US) for _ in range(REPETITIONS)]


def _as_llama_bench_prints(found: dict[str, list[float]], length: int, new_tokens: int) -> str:
    """Return the figures as llama-bench has them: mean ± sample standard deviation of the rates."""
    pp, tg = (f"{fmean(rates):.2f} ± {stdev(rates):.2f} t/s" for rates in found.values())
    return f"as llama-bench prints them: pp{length} {pp}, tg{new_tokens} {tg}"


def _itemised(session: LlamaSteps, prompt: Sequence[int], single: Sequence[int], rates: Sequence[float]) -> str:
    """Return what a token of real generation takes beyond llama-bench's."""
    count = len(single)
    plain = [NS_PER_S / (rate * _NS_PER_US) for rate in rates]
    chosen = _repeated(lambda: _generated_ns(session, single[:1], count), count)
    after = _repeated(lambda: _generated_ns(session, prompt, count), count)
    return (
        f"a token takes {fmean(plain):,.0f} µs by llama-bench's definition; choosing the likeliest adds "
        f"{_difference(plain, chosen)}, a context of {len(prompt)} tokens {_difference(chosen, after)} (± twice the "
        "standard error), text nothing: ids are measured"
    )


def _difference(less: Sequence[float], more: Sequence[float]) -> str:
    """Return the difference of two means with twice its standard error, that of independent samples."""
    error = sqrt(variance(less) / len(less) + variance(more) / len(more))
    return f"{fmean(more) - fmean(less):+,.0f} ± {2 * error:,.0f} µs"

"""The null model: does nothing on the code path of every model, so its times are the floor of the harness."""

from __future__ import annotations

from collections.abc import Sequence

from inference_bench import (
    BatchGenerator,
    InvalidValueError,
    LoadSteps,
    Model,
    ResolvedWeights,
    Setup,
    TextEncoder,
    TextGenerator,
)


class Null(Model):
    """Nothing to load and nothing to compute."""

    title = "Null"
    description = "does nothing: the cost of the harness itself"
    license = "Apache-2.0"
    max_input_length = 1 << 20
    needs_weights = False
    abilities = ("generate", "encode", "call")

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Time one empty step."""
        with steps.step("weights"):
            pass

    def unload(self) -> None:
        """Release nothing."""

    def generator(self) -> TextGenerator:
        """Return a generator that does nothing."""
        return NullGenerator()

    def batch_generator(self) -> BatchGenerator:
        """Return a batch generator that does nothing."""
        return NullBatchGenerator()

    def encoder(self) -> TextEncoder:
        """Return an encoder that does nothing."""
        return NullEncoder()

    def call(self, inputs: object) -> None:
        """Return at once."""


def _zeros(length: int) -> Sequence[int]:
    if not 1 <= length <= Null.max_input_length:
        raise InvalidValueError("input length", length, f"1 to {Null.max_input_length} tokens")
    return (0,) * length


class NullGenerator(TextGenerator):
    """Every token is 0."""

    def prompt(self, length: int) -> Sequence[int]:
        """Return ``length`` zeros."""
        return _zeros(length)

    def prefill(self, prompt: Sequence[int]) -> int:
        """Return at once."""
        return 0

    def decode(self) -> int:
        """Return at once."""
        return 0

    def generate(self, prompt: Sequence[int], new_tokens: int) -> Sequence[int]:
        """Return ``new_tokens`` zeros."""
        return [0] * new_tokens


class NullBatchGenerator(BatchGenerator):
    """Every token of every row is 0."""

    def __init__(self) -> None:
        self._tokens: list[int] = []

    def prompts(self, lengths: Sequence[int]) -> Sequence[Sequence[int]]:
        """Return one row of zeros per length."""
        return [_zeros(length) for length in lengths]

    def prefill(self, batch: Sequence[Sequence[int]]) -> list[int]:
        """Return one zero per row."""
        self._tokens = [0] * len(batch)
        return self._tokens

    def decode(self) -> list[int]:
        """Return at once."""
        return self._tokens


class NullEncoder(TextEncoder):
    """Every text has the same vector, of size 1."""

    def prompt(self, length: int, batch_size: int = 1) -> Sequence[Sequence[int]]:
        """Return ``batch_size`` rows of ``length`` zeros."""
        return [_zeros(length)] * batch_size

    def encode(self, prompt: Sequence[Sequence[int]]) -> None:
        """Return at once."""

    def encode_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        return [[1.0]] * len(texts)

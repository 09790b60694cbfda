"""The null model: does nothing, through the path of every other model, so its times are the floor of the harness."""

from __future__ import annotations

from collections.abc import Sequence

from inference_bench.errors import InvalidValueError
from inference_bench.model import LoadSteps, Model, ResolvedWeights, TextGenerator
from inference_bench.spec import Setup


class Null(Model):
    """Nothing to load and nothing to compute."""

    title = "Null"
    description = "does nothing: what the harness itself costs"
    license = "Apache-2.0"
    max_input_length = 1 << 20
    needs_weights = False

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Time one empty step."""
        with steps.step("weights"):
            pass

    def unload(self) -> None:
        """Release nothing."""

    def generator(self) -> TextGenerator:
        """Return the generator that answers at once."""
        return NullGenerator()


class NullGenerator(TextGenerator):
    """Every token is 0."""

    def prompt(self, length: int) -> Sequence[int]:
        """Return ``length`` zeros."""
        if not 1 <= length <= Null.max_input_length:
            raise InvalidValueError("input length", length, f"1 to {Null.max_input_length} tokens")
        return (0,) * length

    def prefill(self, prompt: Sequence[int]) -> int:
        """Return at once."""
        return 0

    def decode(self) -> int:
        """Return at once."""
        return 0

    def generate(self, prompt: Sequence[int], new_tokens: int) -> Sequence[int]:
        """Return ``new_tokens`` zeros."""
        return [0] * new_tokens

"""Check that streamed tokens equal those of a plain call; a base class for a model's own benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.accuracy.divergence import first_difference
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._lengths import check_length
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class StreamedGenerationBenchmark(Benchmark):
    """Compare the timed steps with transformers' ``generate``: both must give the same tokens."""

    title = "Streamed generation beside a plain one"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("input_length", (16, 256), help="tokens of the prompt"),
        Axis("new_tokens", (32,), help="tokens to generate"),
    )
    headline = ("first_divergence",)
    repeats = False

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse more tokens than the model supports."""
        model.require("generate")
        check_length(model, case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Generate once each way and compare the tokens."""
        generator, new_tokens = model.generator(), case.integer("new_tokens")
        prompt = generator.prompt(case.integer("input_length"))
        plain = list(generator.generate(prompt, new_tokens))
        streamed = [generator.prefill(prompt), *(generator.decode() for _ in range(new_tokens - 1))]
        detail = {"reference": plain, "tokens": streamed}
        item = f"{case.integer('input_length')} tokens"
        measurement.score("first_divergence", "generate", item, first_difference(plain, streamed), detail=detail)

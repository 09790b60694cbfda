"""What a chat costs before the first token: the template and the tokenizer."""

from __future__ import annotations

from inference_bench.benchmark.function import benchmark
from inference_bench.errors import NotApplicableError
from inference_bench.model.engines.transformers.causal_lm import CausalLM


@benchmark
def prompt_preparation(model: CausalLM) -> None:
    """Turn a question into token ids."""
    if model.tokenizer is None:
        raise NotApplicableError(f"{model.name} has no tokenizer with random weights")
    model.tokenizer(model.chat_prompt("What is the capital of France?"))

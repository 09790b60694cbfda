"""The cost of a chat before the first token: template and tokenizer."""

from __future__ import annotations

from inference_bench import CausalLM, NotApplicableError, benchmark


@benchmark
def prompt_preparation(model: CausalLM) -> None:
    """Turn a question into token ids."""
    if model.tokenizer is None:
        raise NotApplicableError(f"{model.name} has no tokenizer with these weights")
    model.tokenizer(model.chat_prompt("What is the capital of France?"))

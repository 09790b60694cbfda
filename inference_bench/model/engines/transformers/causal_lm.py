"""Base class of causal language models on transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.errors import NotApplicableError
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.causal_lm_batch import CausalLMBatchGenerator
from inference_bench.model.engines.transformers.causal_lm_scorer import CausalLMScorer
from inference_bench.model.engines.transformers.demands import generation_demands
from inference_bench.model.engines.transformers.greedy_steps import greedy_steps, takes
from inference_bench.model.engines.transformers.library import import_transformers
from inference_bench.model.engines.transformers.rotary_state import RotaryState
from inference_bench.model.interfaces import BatchGenerator, Prompt, TextGenerator, TextScorer
from inference_bench.model.prompts import Prompts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

    from inference_bench.demands import Demands


class CausalLM(TransformersModel):
    """Generates greedily, one sequence or a batch of them.

    Attributes:
        chat_options: options of the model's chat template, such as ``enable_thinking``.
    """

    auto_class = "AutoModelForCausalLM"
    chat_options: ClassVar[Mapping[str, Any]] = {}

    def generator(self) -> TextGenerator:
        """Return greedy generation at batch size 1."""
        return CausalLMGenerator(self.network, self.prompts)

    def batch_generator(self) -> BatchGenerator:
        """Return greedy generation of several sequences at once."""
        return CausalLMBatchGenerator(self.network, self.prompts)

    def chat_prompt(self, question: str) -> str:
        """Return a chat with this question as a prompt, by the model's chat template.

        Needs the trained weights of an instruction-tuned model.

        Raises:
            NotApplicableError: no tokenizer, as with random weights.
        """
        if self.tokenizer is None:
            raise NotApplicableError(f"{self.name} has no tokenizer with these weights")
        chat = [{"role": "user", "content": question}]
        return str(
            self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **self.chat_options)
        )

    def scorer(self) -> TextScorer:
        """Return the scorer."""
        return CausalLMScorer(self.network, self.tokenizer, self.text_ids, self.input_limit)

    def describe(self) -> dict[str, object]:
        """Return the exact size, the settings that affect speed, and the method of generation."""
        own = self.network.generation_config.to_diff_dict()
        own.pop("transformers_version", None)
        has_keys = takes(self.network, "past_key_values")
        element_bytes = self.network.dtype.itemsize
        return {
            **super().describe(),
            "kv_bytes_per_token": kv_bytes_per_token(self.text_config, element_bytes) if has_keys else None,
            "generation": "greedy, dynamic key-value cache, the model's own generation settings not applied",
            "generation_settings": own,
        }


class CausalLMGenerator(TextGenerator):
    """Greedy steps that give the tokens of ``generate(do_sample=False)`` without its overhead (see ``GreedySteps``)."""

    def __init__(self, network: PreTrainedModel, prompts: Prompts) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._prompts = prompts
        self._steps = greedy_steps(network)

    def prompt(self, length: int) -> Prompt:
        """Return the first ``length`` token ids as a tensor of shape (1, length) on the device.

        Raises:
            InvalidValueError: a length that the model does not accept.
        """
        self._prompts.check(length)
        return self._torch.tensor([self._prompts.ids(length)], device=self._network.device)

    def prompt_ids(self, prompt: Prompt) -> Sequence[int]:
        """Return the ids of the tensor."""
        ids: list[int] = prompt[0].tolist()
        return ids

    def reset(self) -> None:
        """Free the cache of the last sequence."""
        self._steps.reset()

    def prefill(self, prompt: Prompt) -> int:
        """Run the prompt with a fresh cache; only the last position goes through the head."""
        return self._on_host(self._steps.begin(prompt))

    def decode(self) -> int:
        """Run the last token, which is still on the device."""
        return self._on_host(self._steps.advance())

    def demands(self) -> Demands:
        """Count one prefill and one decode step.

        Raises:
            NotApplicableError: a cache or weights whose part in a step is unknown.
        """
        return generation_demands(self._network, self, self._prompts, lambda: self._steps.cache)

    def generate(self, prompt: Prompt, new_tokens: int) -> Sequence[int]:
        """Call transformers' ``generate`` with plain greedy settings and no end-of-sequence token."""
        return self._generate(new_tokens, input_ids=prompt, attention_mask=self._torch.ones_like(prompt))

    def _on_host(self, token: torch.Tensor) -> int:
        return int(token.item())  # waits for the device

    def _generate(self, new_tokens: int, **inputs: torch.Tensor) -> Sequence[int]:
        RotaryState(self._network).reset()
        network: Any = self._network  # without generate() in transformers' annotations
        own = network.generation_config  # generate() would merge it with the given settings
        network.generation_config = import_transformers().GenerationConfig(do_sample=False, pad_token_id=0)
        try:
            with self._torch.inference_mode():
                ids = network.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)
        finally:
            network.generation_config = own
        tokens: list[int] = ids[0, inputs["input_ids"].shape[1] :].tolist()
        return tokens


def kv_bytes_per_token(config: PreTrainedConfig, element_bytes: int) -> int | None:
    """Return the bytes per token in the key-value cache: 2 x layers x KV heads x head size x element size.

    None for other kinds of attention (latent, linear, sliding window), where this formula does not hold.
    """
    repeats_heads = getattr(config, "new_decoder_architecture", False)  # a later Falcon stores one copy per query head
    if hasattr(config, "kv_lora_rank") or repeats_heads or not _keeps_every_token(config):
        return None
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    if getattr(config, "multi_query", False):
        heads = 1
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head_size * element_bytes)


def _keeps_every_token(config: PreTrainedConfig) -> bool:
    """Return whether each layer of the cache holds the keys and values of all tokens."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if not hasattr(config, "num_attention_heads"):
        return False
    layers = DynamicCache(config=config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)

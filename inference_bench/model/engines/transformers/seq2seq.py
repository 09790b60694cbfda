"""Encoder-decoders of text, such as T5 and BART."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.demands import generation_demands
from inference_bench.model.engines.transformers.library import import_transformers
from inference_bench.model.engines.transformers.token_rows import token_rows
from inference_bench.model.interfaces import BatchGenerator, Prompt, TextGenerator

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from inference_bench.demands import Demands


class Seq2SeqModel(TransformersModel):
    """Reads a text once with its encoder, and generates greedily with its decoder: …ForConditionalGeneration.

    The first token's time is the encoder's pass and the decoder's first step. ``input_length`` counts the encoder's
    tokens.
    """

    auto_class = "AutoModelForSeq2SeqLM"
    min_input_length = 3

    def generator(self) -> TextGenerator:
        """Return greedy generation at batch size 1."""
        return Seq2SeqGenerator(self)

    def batch_generator(self) -> BatchGenerator:
        """Return greedy generation of several sequences at once."""
        return Seq2SeqBatchGenerator(self)

    def describe(self) -> dict[str, object]:
        """Return the exact size, the settings that affect speed, and the method of generation."""
        method = "greedy, key-value cache of decoder and encoder, the model's own generation settings not applied"
        return {**super().describe(), "generation": method}


class Seq2SeqSteps:
    """The encoder's pass and the decoder's steps over a batch, greedily."""

    def __init__(self, network: PreTrainedModel) -> None:
        self._network: Any = network
        self.reset()

    def reset(self) -> None:
        """Free the encoded text and the cache."""
        self._encoded: Any = None
        self._cache: Any = None
        self._mask: torch.Tensor | None = None
        self._tokens: torch.Tensor | None = None

    def begin(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Encode rows of token ids and return the first new token of each, shape (rows, 1).

        Args:
            ids: shape (rows, length), padded on the right.
            mask: 1 where a token is, 0 where padding is; None without padding.
        """
        import torch

        self.reset()
        self._mask = mask
        with torch.inference_mode():
            masking = {} if mask is None else {"attention_mask": mask}
            self._encoded = self._network.get_encoder()(input_ids=ids, **masking)
        begin = torch.full((len(ids), 1), decoder_start(self._network), device=ids.device)
        return self._step(begin)

    def advance(self) -> torch.Tensor:
        """Return the next token of each row, shape (rows, 1)."""
        if self._tokens is None:
            raise RuntimeError("a decode before the prefill")
        return self._step(self._tokens)

    @property
    def cache(self) -> Any:
        """The key-value caches of decoder and encoder; None before the first step."""
        return self._cache

    def _step(self, tokens: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.inference_mode():
            outputs = self._network(
                encoder_outputs=self._encoded,
                attention_mask=self._mask,
                decoder_input_ids=tokens,
                past_key_values=self._cache,
                use_cache=True,
            )
        self._cache = outputs.past_key_values
        self._tokens = outputs.logits[:, -1:].argmax(-1)
        return self._tokens


class Seq2SeqGenerator(TextGenerator):
    """Greedy steps of one sequence, which give the tokens of ``generate(do_sample=False)``."""

    def __init__(self, model: Seq2SeqModel) -> None:
        self._model = model
        self._steps = Seq2SeqSteps(model.network)

    def prompt(self, length: int) -> Prompt:
        """Return token ids of shape (1, length) on the device.

        Raises:
            InvalidValueError: a length that the model does not accept.
        """
        return token_rows(self._model, length, 1)

    def reset(self) -> None:
        """Free the cache of the last sequence."""
        self._steps.reset()

    def prefill(self, prompt: Prompt) -> int:
        """Encode the prompt and return the decoder's first token."""
        return int(self._steps.begin(prompt).item())  # waits for the device

    def decode(self) -> int:
        """Return the decoder's next token."""
        return int(self._steps.advance().item())

    def demands(self) -> Demands:
        """Count one prefill and one decode step.

        Raises:
            NotApplicableError: a cache or weights whose part in a step is unknown.
        """
        return generation_demands(self._model.network, self, self._model.prompts, lambda: self._steps.cache)

    def generate(self, prompt: Prompt, new_tokens: int) -> Sequence[int]:
        """Call transformers' ``generate`` with plain greedy settings and no end-of-sequence token."""
        import torch

        network: Any = self._model.network  # without generate() in transformers' annotations
        own = network.generation_config  # generate() would merge it with the given settings
        network.generation_config = import_transformers().GenerationConfig(
            do_sample=False, pad_token_id=0, decoder_start_token_id=decoder_start(network)
        )
        try:
            with torch.inference_mode():
                ids = network.generate(
                    input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=new_tokens
                )
        finally:
            network.generation_config = own
        tokens: list[int] = ids[0, 1:].tolist()
        return tokens


class Seq2SeqBatchGenerator(BatchGenerator):
    """Greedy steps of several sequences; texts are padded on the right, where an encoder's positions begin at 0."""

    def __init__(self, model: Seq2SeqModel) -> None:
        self._model = model
        self._steps = Seq2SeqSteps(model.network)

    def prompts(self, lengths: Sequence[int]) -> Prompt:
        """Return ids and mask, each of shape (rows, longest); the mask is None if all are equally long."""
        import torch

        longest = max(lengths)
        ids = torch.zeros((len(lengths), longest), dtype=torch.long)
        for row, length in enumerate(lengths):
            ids[row, :length] = token_rows(self._model, length, 1)[0].cpu()
        ids = ids.to(self._model.network.device)
        if set(lengths) == {longest}:
            return ids, None
        ends = torch.tensor(lengths, device=ids.device)[:, None]
        return ids, (torch.arange(longest, device=ids.device)[None] < ends).long()

    def reset(self) -> None:
        """Free the cache of the last batch."""
        self._steps.reset()

    def prefill(self, batch: Prompt) -> list[int]:
        """Encode the prompts and return the decoder's first tokens."""
        return self._on_host(self._steps.begin(*batch))

    def decode(self) -> list[int]:
        """Return the next token of each sequence."""
        return self._on_host(self._steps.advance())

    def _on_host(self, tokens: torch.Tensor) -> list[int]:
        found: list[int] = tokens[:, 0].tolist()  # waits for the device
        return found


def decoder_start(network: Any) -> int:
    """Return the token that the decoder begins with; BART states none but begins with its end token."""
    names = ("decoder_start_token_id", "bos_token_id", "eos_token_id")
    stated = (getattr(network.config, name, None) for name in names)
    return next((token for token in stated if isinstance(token, int)), 0)

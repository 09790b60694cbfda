"""Base class of text embedding models on transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.demands import counted_length, encoding_demands
from inference_bench.model.engines.transformers.token_rows import token_rows
from inference_bench.model.interfaces import TextEncoder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from inference_bench.demands import Demands

_TEXTS_AT_ONCE = 32


class EmbeddingModel(TransformersModel):
    """Turns a text into a unit vector: the mean of the last layer's hidden states over the tokens, normalised."""

    auto_class = "AutoModel"
    abilities = ("encode",)
    min_input_length = 3
    """A begin token, an end token, and one word between them."""

    def encoder(self) -> TextEncoder:
        """Return the encoder."""
        return MeanPoolingEncoder(self)

    def describe(self) -> dict[str, object]:
        """Return the exact size, the settings that affect speed, and how the vector is computed."""
        size = self.network.config.hidden_size
        return {**super().describe(), "vector": f"{size} numbers: mean over the tokens, length 1", "vector_size": size}


class MeanPoolingEncoder(TextEncoder):
    """One forward pass, mean over the tokens, normalised to length 1."""

    def __init__(self, model: EmbeddingModel) -> None:
        import torch

        self._torch = torch
        self._model = model
        self._network = model.network

    def prompt(self, length: int, batch_size: int = 1) -> torch.Tensor:
        """Return token ids of shape (batch_size, length) on the device; each row continues the text of the last.

        Raises:
            InvalidValueError: a length that the model does not accept, or no rows.
        """
        return token_rows(self._model, length, batch_size)

    def demands(self) -> Demands:
        """Count one pass.

        Raises:
            NotApplicableError: weights whose part in a pass is unknown.
        """
        length = counted_length(self._model.prompts)
        prompt = self.prompt(length)
        return encoding_demands(self._network, length, lambda: self.encode(prompt))

    def encode(self, prompt: torch.Tensor) -> torch.Tensor:
        """Return unit vectors of shape (batch, size) once the device has finished. Full rows need no mask."""
        with self._torch.inference_mode():
            vectors = self._normalised(self._network(input_ids=prompt).last_hidden_state.mean(1))
            if vectors.device.type == "cuda":
                self._torch.cuda.synchronize(vectors.device)
        return vectors

    def encode_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text; text beyond the model's limit is truncated.

        Raises:
            InvalidValueError: no tokenizer, as with random weights.
        """
        tokenizer = self._model.tokenizer
        if tokenizer is None:
            raise InvalidValueError("texts to encode", "weights without a tokenizer", "trained ones with a tokenizer")
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            vectors += self._encode_batch(tokenizer, list(texts[start : start + _TEXTS_AT_ONCE]))
        return vectors

    def _encode_batch(self, tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[float]]:
        batch = tokenizer(
            texts, padding=True, truncation=True, max_length=self._model.input_limit, return_tensors="pt"
        ).to(self._network.device)
        with self._torch.inference_mode():
            hidden = self._network(**batch).last_hidden_state
            weight = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            vectors: list[list[float]] = self._normalised((hidden * weight).sum(1) / weight.sum(1)).tolist()
        return vectors

    def _normalised(self, vectors: torch.Tensor) -> torch.Tensor:
        return self._torch.nn.functional.normalize(vectors, dim=-1)

"""Rows of token ids of equal length: text, with the special tokens that the model's tokenizer puts around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.model.special_tokens import SpecialTokens, special_tokens

if TYPE_CHECKING:
    import torch

    from inference_bench.model.engines.transformers.base import TransformersModel


_PARTS = 16
"""Seeds that get inputs of their own; further ones begin again."""


def token_rows(model: TransformersModel, length: int, rows: int, seed: int = 0) -> torch.Tensor:
    """Return token ids of shape (rows, length) on the device; each row continues the text of the last.

    Args:
        model: loaded.
        length: tokens of a row.
        rows: texts.
        seed: another part of the text for each seed.

    Raises:
        InvalidValueError: a length that the model does not accept, or no rows.
    """
    import torch

    model.prompts.check(length)
    if rows < 1:
        raise InvalidValueError("batch size", rows, "a whole number of at least 1")
    around = _special_tokens(model)
    words = length - len(around.before) - len(around.after)
    first = len(around.before) + seed % _PARTS * rows * words
    text = model.text_ids(first + rows * words)[first:]
    pieces = [text[row * words : (row + 1) * words] for row in range(rows)]
    ids = [[*around.before, *piece, *around.after] for piece in pieces]
    return torch.tensor(ids, device=model.network.device)


def _special_tokens(model: TransformersModel) -> SpecialTokens:
    tokenizer = model.tokenizer
    if tokenizer is None:
        return SpecialTokens()
    return special_tokens(lambda text, special: tokenizer(text, add_special_tokens=special)["input_ids"])

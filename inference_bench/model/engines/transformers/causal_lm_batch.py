"""Greedy generation of several sequences at once, for a causal language model on transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.greedy_steps import greedy_steps
from inference_bench.model.interfaces import BatchGenerator
from inference_bench.model.prompts import Prompts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class PaddedPrompts:
    """Prompts of several lengths as one tensor.

    Attributes:
        ids: token ids, shape (batch, longest), padded with 0 on the left.
        mask: 1 for a token and 0 for padding, same shape; None if all rows have the same length.
    """

    ids: torch.Tensor
    mask: torch.Tensor | None


class CausalLMBatchGenerator(BatchGenerator):
    """Static batches: all sequences start together and take each step together.

    Padding is on the left, so the last column holds every row's last token. Only with padding are a mask and
    position ids passed: a batch of equal lengths takes the same path as a single sequence.
    """

    def __init__(self, network: PreTrainedModel, prompts: Prompts) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._prompts = prompts
        self._steps = greedy_steps(network)
        self._mask: torch.Tensor | None = None

    def prompts(self, lengths: Sequence[int]) -> PaddedPrompts:
        """Return one row per length on the device; row ``i`` is the single prompt of ``lengths[i]`` tokens.

        Raises:
            InvalidValueError: no length, or one that the model does not accept.
        """
        if not lengths:
            raise InvalidValueError("prompt lengths", "none", "at least one")
        longest = max(lengths)
        for length in (longest, min(lengths)):
            self._prompts.check(length)
        rows = [self._prompts.ids(length) for length in lengths]
        device = self._network.device
        ids = self._torch.tensor([[0] * (longest - len(row)) + row for row in rows], device=device)
        if min(lengths) == longest:
            return PaddedPrompts(ids, None)
        mask = [[0] * (longest - length) + [1] * length for length in lengths]
        return PaddedPrompts(ids, self._torch.tensor(mask, device=device))

    def reset(self) -> None:
        """Free the cache of the last batch."""
        self._steps.reset()
        self._mask = None

    def prefill(self, batch: PaddedPrompts) -> list[int]:
        """Run the prompts with a fresh cache; only the last position of each goes through the head."""
        self.reset()
        self._mask = batch.mask
        return self._on_host(self._steps.begin(batch.ids, **self._masking(batch.ids.shape[1])))

    def decode(self) -> list[int]:
        """Run each row's last token."""
        if self._mask is not None:
            self._mask = self._torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        return self._on_host(self._steps.advance(**self._masking(1)))

    def _masking(self, new_columns: int) -> dict[str, torch.Tensor]:
        """Return the arguments that describe padding; empty without padding."""
        if self._mask is None:
            return {}
        return {"attention_mask": self._mask, **self._positions(self._mask, new_columns)}

    def _positions(self, mask: torch.Tensor, new_columns: int) -> dict[str, torch.Tensor]:
        """Return the position ids of the last columns, counted from each row's first token.

        Those of padding are arbitrary: no token attends to it.
        """
        return {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -new_columns:]}

    def _on_host(self, tokens: torch.Tensor) -> list[int]:
        found: list[int] = tokens.flatten().tolist()  # waits for the device
        return found

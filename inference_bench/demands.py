"""What a model asks of a machine, whatever the machine: bytes, floating-point operations, operations. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 0.02
"""Largest share of the counted operations of a prefill that the formula may miss, or have too many."""


@dataclass(frozen=True, slots=True)
class WindowDemands:
    """What layers ask for in which a position attends to the last positions only.

    Attributes:
        positions: most that one attends to.
        kv_bytes_per_position: as in ``Demands``, of these layers.
        attention_flops_per_pair: as in ``Demands``, of these layers.
    """

    positions: int
    kv_bytes_per_position: int
    attention_flops_per_pair: int


@dataclass(frozen=True, slots=True)
class ExpertDemands:
    """The experts of a mixture, of which each token takes some.

    Attributes:
        weight_bytes: of all of them.
        share: of them that one token takes.
    """

    weight_bytes: int
    share: float

    def further_bytes(self, batch: int) -> float:
        """Return what a batch reads beside the experts of one token, if tokens chose independently and evenly."""
        return self.weight_bytes * (1 - (1 - self.share) ** batch - self.share)


@dataclass(frozen=True, slots=True)
class EncoderDemands:
    """What reading a prompt asks for where an encoder does it, in which each position attends to all.

    Attributes:
        parameters: that each position is multiplied by.
        attention_flops_per_pair: as in ``Demands``, of its layers.
    """

    parameters: int
    attention_flops_per_pair: int


@dataclass(frozen=True, slots=True)
class Demands:
    """What the forward passes of a loaded model ask for, from which ``prefill`` and ``decode`` follow by formula.

    Attributes:
        weight_bytes: weights that one decode step reads: all that are multiplied, a tied head once, of a mixture of
            experts the active ones, and of a table of embeddings one row. Of an encoder alone: those of its pass.
        kv_bytes_per_position: keys and values that a decode step reads per position of its context.
        multiplied_parameters: parameters that each token is multiplied by (the active ones), without the head. Beside
            an encoder: those of one step of the decoder, or what an encoder alone has behind its last layer.
        head_parameters: parameters of the output head, which a prefill multiplies once by its last position.
        attention_flops_per_pair: floating-point operations per pair of a position and one that it attends to.
        operations_per_step: operations of the framework that one decode step calls, without views; None if they were
            not counted.
        counted_prefill_flops: of a prefill of ``counted_length`` positions, by the framework's own counter, which
            counts all pairs of positions, masked or not; None if it cannot count this model.
        counted_length: positions of that prefill.
        window: of the layers with a sliding window, which the fields above leave out; None without such layers.
        experts: of a mixture of experts; None without one.
        encoder: what reads the prompt; None if the layers that generate do.
        matrices: parameters of a matrix, and how many of that size a decode step multiplies, for each size; empty where
            the framework was not seen to call them.
    """

    weight_bytes: int
    kv_bytes_per_position: int
    multiplied_parameters: int
    head_parameters: int
    attention_flops_per_pair: int
    operations_per_step: int | None = None
    counted_prefill_flops: int | None = None
    counted_length: int = 0
    window: WindowDemands | None = None
    experts: ExpertDemands | None = None
    encoder: EncoderDemands | None = None
    matrices: tuple[tuple[int, int], ...] = ()

    def prefill_flops(self, length: int) -> int:
        """Return the operations of a prompt of ``length`` tokens, two per multiply-add, attention causal."""
        if self.encoder is not None:
            return self._encoded_flops(length)
        flops = self._multiplied_flops(length) + self.attention_flops_per_pair * _pairs(length, length)
        if self.window is not None:
            flops += self.window.attention_flops_per_pair * _pairs(length, self.window.positions)
        return flops

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """Return the operations of one step of ``batch`` sequences of ``context`` tokens each."""
        per_row = self._multiplied_flops(1) + self.attention_flops_per_pair * context
        if self.window is not None:
            per_row += self.window.attention_flops_per_pair * min(context, self.window.positions)
        return batch * per_row

    def decode_bytes(self, context: int, batch: int = 1) -> int:
        """Return the bytes that one step of ``batch`` sequences of ``context`` tokens each reads."""
        per_row = self.kv_bytes_per_position * context
        if self.window is not None:
            per_row += self.window.kv_bytes_per_position * min(context, self.window.positions)
        further = 0.0 if self.experts is None else self.experts.further_bytes(batch)
        return self.weight_bytes + round(further) + batch * per_row

    @property
    def missed_share(self) -> float | None:
        """Share of the counted operations that the formula misses, negative if it has too many; None if not counted."""
        if not self.counted_prefill_flops:
            return None
        return 1 - self._all_pairs_flops(self.counted_length) / self.counted_prefill_flops

    @property
    def knows_prefill(self) -> bool:
        """Whether the formula of a prefill was not contradicted by the framework's counter."""
        missed = self.missed_share
        return missed is None or abs(missed) <= TOLERANCE

    def _all_pairs_flops(self, length: int) -> int:
        """Return ``prefill_flops`` by the rule of the framework's counter: masked pairs count as well."""
        if self.encoder is not None:
            return self._encoded_flops(length)
        windowed = 0 if self.window is None else self.window.attention_flops_per_pair
        return self._multiplied_flops(length) + (self.attention_flops_per_pair + windowed) * length**2

    def _multiplied_flops(self, tokens: int) -> int:
        return 2 * (self.multiplied_parameters * tokens + self.head_parameters)

    def _encoded_flops(self, length: int) -> int:
        """Return the operations of an encoder, and of the first step of a decoder that attends to what it gives."""
        assert self.encoder is not None
        encoder = 2 * self.encoder.parameters * length + self.encoder.attention_flops_per_pair * length**2
        return encoder + self.decode_flops(length + 1)


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of one iteration of a benchmark.

    Attributes:
        length: positions of a prompt, padding included.
        new_tokens: generated; 0 if the prompt is only read.
        rows: sequences that take each step together.
    """

    length: int
    new_tokens: int = 0
    rows: int = 1

    @property
    def mean_context(self) -> int:
        """Positions that a decode step attends to, on average: token i, from the second on, ``length + i - 1``."""
        return self.length + self.new_tokens // 2


def demands_from(stored: Mapping[str, Any]) -> Demands:
    """Return demands from plain data; fields of later versions are left out."""
    parts = {"window": WindowDemands, "experts": ExpertDemands, "encoder": EncoderDemands}
    known = {name: value for name, value in stored.items() if name in Demands.__dataclass_fields__}
    nested = {name: kind(**known[name]) for name, kind in parts.items() if known.get(name) is not None}
    matrices = tuple((parameters, count) for parameters, count in known.get("matrices", ()))
    return Demands(**{**known, **nested, "matrices": matrices})


def _pairs(length: int, most: int) -> int:
    """Return the pairs of a position and one that it attends to: itself and earlier ones, at most ``most``."""
    full = min(length, most)
    return full * (full + 1) // 2 + (length - full) * most

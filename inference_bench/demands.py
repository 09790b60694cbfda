"""What a model asks of a machine, whatever the machine: bytes, floating-point operations, operations. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demands:
    """What the forward passes of a loaded model ask for, from which ``prefill`` and ``decode`` follow by formula.

    Attributes:
        weight_bytes: weights that one decode step reads: all that are multiplied, a tied head once, of a mixture of
            experts the active ones, and of a table of embeddings one row.
        kv_bytes_per_position: keys and values that a decode step reads per position of its context.
        multiplied_parameters: parameters that each token is multiplied by (the active ones), without the head.
        head_parameters: parameters of the output head, which a prefill multiplies once by its last position.
        attention_flops_per_pair: floating-point operations per pair of a position and one that it attends to.
        operations_per_step: operations of the framework that one decode step calls; None if they were not counted.
        counted_prefill_flops: of a prefill of ``counted_length`` positions, by the framework's own counter; None if
            it cannot count this model.
        counted_length: positions of that prefill.
    """

    weight_bytes: int
    kv_bytes_per_position: int
    multiplied_parameters: int
    head_parameters: int
    attention_flops_per_pair: int
    operations_per_step: int | None = None
    counted_prefill_flops: int | None = None
    counted_length: int = 0

    def prefill_flops(self, length: int) -> int:
        """Return the operations of a prompt of ``length`` tokens, two per multiply-add, attention causal."""
        pairs = length * (length + 1) // 2
        return 2 * (self.multiplied_parameters * length + self.head_parameters) + self.attention_flops_per_pair * pairs

    def decode_flops(self, context: int, batch: int = 1) -> int:
        """Return the operations of one step of ``batch`` sequences of ``context`` tokens each."""
        per_row = 2 * (self.multiplied_parameters + self.head_parameters) + self.attention_flops_per_pair * context
        return batch * per_row

    def decode_bytes(self, context: int, batch: int = 1) -> int:
        """Return the bytes that one step of ``batch`` sequences of ``context`` tokens each reads."""
        return self.weight_bytes + batch * self.kv_bytes_per_position * context

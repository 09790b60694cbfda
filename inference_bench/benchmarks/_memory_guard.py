"""Predict whether a batch fits into memory, before it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench._native import hwm_bytes, reset_hwm, rss_bytes
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.device_memory import read_device_memory, reset_device_peak
from inference_bench.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference_bench.model.interfaces import BatchGenerator

_USABLE = 0.9
"""Share of the available memory that a batch may need; the rest covers the prediction's error."""


def needed_bytes(rows: int, growth_bytes: int, cached_bytes: int, final_cache_bytes: int) -> int:
    """Predict how much more memory a batch takes.

    Args:
        rows: rows of the batch.
        growth_bytes: growth measured while one row ran its prompt and one more step.
        cached_bytes: key-value cache after that, by formula; 0 if there is no formula.
        final_cache_bytes: one row's key-value cache at the end of the generation, by formula.
    """
    activations_bytes = max(growth_bytes - cached_bytes, 0)
    return rows * (activations_bytes + final_cache_bytes)


def refuse_what_cannot_fit(
    generator: BatchGenerator, lengths: Sequence[int], new_tokens: int, kv_bytes_per_token: int, device: str
) -> None:
    """Run the longest row alone and refuse the batch if that many rows would not fit.

    Memory kept from an earlier batch counts neither as needed, since it is reused, nor as available.

    Args:
        generator: the loaded model's.
        lengths: tokens per prompt.
        new_tokens: tokens to generate.
        kv_bytes_per_token: key-value cache per token; 0 if there is no formula.
        device: the model's device.

    Raises:
        MemoryError: the batch would not fit.
    """
    longest = max(lengths)
    row = generator.prompts([longest])

    def run() -> None:
        generator.prefill(row)
        generator.decode()

    growth_bytes = _growth_bytes(run, generator.reset, device)
    final_cache_bytes = kv_bytes_per_token * (longest + new_tokens)
    needed = needed_bytes(len(lengths), growth_bytes, kv_bytes_per_token * (longest + 1), final_cache_bytes)
    cache = f", {format_bytes(len(lengths) * final_cache_bytes)} of them for the key-value cache"
    _refuse(len(lengths), needed, device, cache)


def refuse_calls_that_cannot_fit(call: Callable[[], object], items: int, device: str) -> None:
    """Run a call of one item and refuse a batch of so many if it would not fit.

    Args:
        call: builds the inputs of one item, and calls the model.
        items: of the batch.
        device: the model's device.

    Raises:
        MemoryError: the batch would not fit.
    """
    _refuse(items, items * _growth_bytes(call, lambda: None, device), device)


def _refuse(rows: int, needed: int, device: str, detail: str = "") -> None:
    on_device = read_device_memory(device)
    available = headroom_bytes() if on_device is None else on_device.free_bytes
    if available is not None and needed > _USABLE * available:
        raise MemoryError(
            f"batch of {rows} not run: it would need about {format_bytes(needed)} more{detail}; "
            f"{format_bytes(available)} are available"
        )


def _growth_bytes(run: Callable[[], object], reset: Callable[[], None], device: str) -> int:
    """Return the largest growth of memory while one row runs; the second of two runs, without first-run set-up."""
    growth_bytes = 0
    for _ in range(2):
        reset_device_peak(device)
        before_on_device = read_device_memory(device)
        is_exact = reset_hwm()
        before_bytes = rss_bytes() or 0
        run()
        after_on_device = read_device_memory(device)
        if before_on_device is None or after_on_device is None:
            growth_bytes = ((hwm_bytes() if is_exact else rss_bytes()) or 0) - before_bytes
        else:
            growth_bytes = after_on_device.peak_allocated_bytes - before_on_device.allocated_bytes
        reset()
    return max(growth_bytes, 0)

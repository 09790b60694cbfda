"""The process that measures what torch reaches on this machine: one JSON request in, one JSON reply out.

Its threads are set as a worker sets them. On a GPU it also measures how fast the memory is read and copied, and what
launching costs.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from inference_bench._native import loop, now_ns
from inference_bench.machine.device_work import device_synchronisation
from inference_bench.units import GIB, MIB, NS_PER_MS, NS_PER_S

_LEAST_NS = 10 * NS_PER_MS
_TINY = 32
"""Side of a product that only tells whether there is one."""
_SMALLEST, _LARGEST = 512, 8192
"""Sides of the square matrices: the smallest whose product lasts ``_LEAST_NS`` is measured."""
_MOST_GROWTH = 1000
_ROW_SIDES = (512, 1024, 2048, 4096)
"""Sides of the square matrices that one row is multiplied by: those of models of 0.1 to 10 billion parameters."""
_LAUNCHES = 500
"""A driver's queue holds 1024 launches: so many never wait for the GPU."""

_INT8 = "int8_dynamic"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, _INT8: 1}
"""Of a weight."""
_PACKED_SHARE = 2
"""int8 matrices take one part in two of the bytes of the others: torch packs them, which takes seconds."""

Row = tuple[str, list[object], Sequence[float]]
"""What was measured, its key, and the value of each repetition."""


def main() -> None:
    """Reply with the rows."""
    import torch

    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    torch.manual_seed(0)
    with torch.inference_mode():
        print(json.dumps(list(_rows(torch, request))))


def _rows(torch: Any, request: dict[str, Any]) -> Iterator[Row]:
    device, repetitions = request["device"], request["repetitions"]
    for dtype in request["dtypes"]:
        if (rates := _matmul_rates(torch, device, dtype, repetitions)) is not None:
            yield "matmul", [dtype], rates
            yield from _gemv_rows(torch, device, dtype, request)
    one = torch.ones(1, device=device)
    yield "operation", [], _times_ns(lambda: torch.add(one, one), repetitions)
    if device != "cpu":
        yield from _gpu_rows(torch, device, repetitions)


def _matmul_rates(torch: Any, device: str, dtype: str, repetitions: int) -> Sequence[float] | None:
    """Return floating-point operations per second; None where torch cannot multiply this dtype."""
    try:
        _products(torch, device, dtype, rows=_TINY, side=_TINY)()
    except RuntimeError:  # whose subclass is NotImplementedError; so small, it cannot be for want of memory
        return None
    side = _SMALLEST
    product = _products(torch, device, dtype, rows=side, side=side)
    while _times_ns(product, 1)[0] < _LEAST_NS and side < _LARGEST:
        side *= 2
        product = _products(torch, device, dtype, rows=side, side=side)
    return [2 * side**3 * NS_PER_S / ns for ns in _times_ns(product, repetitions)]


def _gemv_rows(torch: Any, device: str, dtype: str, request: dict[str, Any]) -> Iterator[Row]:
    """Yield the rate of products of one row for each size of matrix."""
    size = request["gemv_bytes"] // (_PACKED_SHARE if dtype == _INT8 else 1)
    for side in _ROW_SIDES:
        count = max(1, size // (side**2 * _BYTES[dtype]))
        call = _products(torch, device, dtype, rows=1, side=side, count=count)
        rates = [2 * count * side**2 * NS_PER_S / ns for ns in _times_ns(call, request["gemv_repetitions"])]
        yield "gemv", [dtype, side**2], rates


def _products(torch: Any, device: str, dtype: str, *, rows: int, side: int, count: int = 1) -> Callable[[], object]:
    """Return what multiplies rows by square matrices, one after another, as linear layers do."""
    given = torch.rand(rows, side)
    if dtype == _INT8:
        layers, given = [layer.to(device) for layer in _int8_layers(torch, side, count)], given.to(device)
        return lambda: [layer(given) for layer in layers]
    kind, linear = getattr(torch, dtype), torch.nn.functional.linear
    weights, given = torch.full((count, side, side), 0.5, dtype=kind, device=device).unbind(), given.to(device, kind)
    return lambda: [linear(given, weight) for weight in weights]


def _int8_layers(torch: Any, side: int, count: int) -> list[Any]:
    """Return layers as ``quantize_int8`` makes them. They share one quantised weight, and each packs its own copy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch recommends torchao, another package
        weight = torch.quantize_per_tensor(torch.rand(side, side) - 0.5, 1 / 256, 0, torch.qint8)
    layers = [torch.ao.nn.quantized.dynamic.Linear(1, 1, bias_=False) for _ in range(count)]
    for layer in layers:
        layer.set_weight_bias(weight, None)
    return layers


def _gpu_rows(torch: Any, device: str, repetitions: int) -> Iterator[Row]:
    for size in (64 * MIB, 256 * MIB, GIB):
        numbers = torch.ones(size // 4, dtype=torch.float32, device=device)
        yield "read", [size], [size * NS_PER_S / ns for ns in _times_ns(numbers.sum, repetitions)]
    copy = torch.empty_like(numbers)
    yield "copy", [], [2 * GIB * NS_PER_S / ns for ns in _times_ns(lambda: copy.copy_(numbers), repetitions)]
    yield "launch", [], [_launch_ns(torch) for _ in range(repetitions)]


def _launch_ns(torch: Any) -> float:
    """Return the host's time per launch of a kernel that ends at once."""
    torch.cuda.synchronize()
    launched = loop(torch.cuda._sleep, _LAUNCHES, each=False, args=(0,))
    torch.cuda.synchronize()
    return launched.duration_ns[0] / _LAUNCHES


def _times_ns(call: Callable[[], object], repetitions: int) -> Sequence[float]:
    """Return the time per call of each repetition, which calls as often as it takes to last ``_LEAST_NS``."""
    calls = 1
    _time_ns(call, calls)
    while (ns := _time_ns(call, calls)) < _LEAST_NS:
        calls *= max(2, min(_MOST_GROWTH, _LEAST_NS // max(1, ns) + 1))
    return [_time_ns(call, calls) / calls for _ in range(repetitions)]


def _time_ns(call: Callable[[], object], calls: int) -> int:
    """Time this many calls, one after another, until the device has finished."""
    synchronise = device_synchronisation()
    begin = now_ns()
    loop(call, calls, each=False)
    if synchronise is not None:
        synchronise()
    return now_ns() - begin


if __name__ == "__main__":
    main()

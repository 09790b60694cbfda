"""What makes a step faster that its bytes, its arithmetic or its operations limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from inference_bench.analysis.advice.ab_words import batch_case
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.change import Change, Prediction
from inference_bench.analysis.advice.intervals import as_number, as_percent, between, exactly, hull, over, times
from inference_bench.analysis.advice.missing import MissingFactError
from inference_bench.analysis.advice.phase import DECODE, decode_growth, weights_share
from inference_bench.analysis.advice.possible import Possible
from inference_bench.analysis.advice.prediction import NOTHING, not_below, time_after
from inference_bench.ceilings import Interval
from inference_bench.units import NS_PER_S

BYTES: Mapping[str, float] = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "int8_dynamic": 1.0,
    "int8": 1.0,
    # Blocks of 32 numbers with a scale of 16 bits, and q4_1 with an offset as well (ggml's block types).
    "q8_0": 34 / 32,
    "q4_0": 18 / 32,
    "q4_1": 20 / 32,
}
"""Bytes of a weight in each dtype; those whose layers differ are left out."""

_SIXTEEN_BITS = ("bfloat16", "float16")
"""Dtypes in which keys and values shrink with the weights; the others leave them as they are."""
_ROWS = 4
"""Rows of the batch that is tried: enough to tell, and small enough for any model that is measured."""
_FUSED = between(0.2, 0.5)
"""Share of a step's operations that remains after ``torch.compile``: a decoder layer calls some 40 to 60 operations, of
which its 7 matrix products and its attention cannot be fused away, and a few fused kernels remain between them."""
_OTHER_ENGINE = between(0.0, 2.0)
"""Time of a step in another engine over that in the present one, both without the reading of the weights: the slowest
engine in ``bench/README.md`` took 1.9 times as long."""
_GRAPH = between(0.02, 0.3)
"""Share of a step's launches that remains in a CUDA graph: one launch, and what stays outside of the graph."""


def fewer_bytes(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """A smaller dtype: the bytes' share of the step shrinks with the bytes, its operations cost what they cost.

    T'/T is ``time_after`` with s = MBU, f = bytes after / before, o = the operations' overhead; the arithmetic at the
    rate measured for the new dtype is a lower bound, and at worst its excess over the present one comes on top. int8
    may add one operation to each that there is: its inputs are quantised anew in each step.

    Where the framework's products of one row were measured in both dtypes, s and f are those of the products of a
    decode step: a framework may be slower than the memory, and not by the same factor in each dtype. The rest then
    changes by anything that either ratio allows.
    """
    present = facts.setup.dtype
    for dtype in _smaller(present, possible.dtypes):
        yield Change(f"dtype={present}", f"dtype={dtype}", partial(_with_fewer_bytes, facts, dtype))


def _with_fewer_bytes(facts: CaseFacts, dtype: str) -> Prediction:
    before, after = facts.one_row_ns(), facts.one_row_ns(dtype)
    if before is None or after is None:
        return _with_smaller_reads(facts, dtype)
    factor, share, size = over(after, before), over(before, facts.phase.time_ns), _bytes_ratio(facts, dtype)
    rest = hull([1.0, factor.low, factor.high, size.value])
    time = time_after(share, factor, fixed=_overhead(facts), rest=rest)
    how = f"products of one row x {as_number(factor)}, {as_percent(share)} of the step"
    return Prediction(not_below(time, _compute_share(facts, dtype).low), how)


def _with_smaller_reads(facts: CaseFacts, dtype: str) -> Prediction:
    factor, share, overhead = _bytes_ratio(facts, dtype), facts.memory_share(), _overhead(facts)
    arithmetic = _compute_share(facts, dtype)
    extra = max(0.0, arithmetic.high - facts.compute_share().low)
    extra += 0.0 if dtype in _SIXTEEN_BITS else overhead.high
    time = time_after(share, factor, fixed=overhead, extra=extra)
    how = f"bytes x {as_number(factor)}, MBU {as_percent(share)}, overhead {as_percent(overhead)}"
    return Prediction(not_below(time, arithmetic.low), how)


def faster_matmul(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Another dtype: the arithmetic's share of the step changes with the measured rates.

    T'/T is ``time_after`` with s = MFU, f = the present dtype's rate / the other one's, o = the operations' overhead.
    """
    present = facts.setup.dtype
    for dtype in _smaller(present, possible.dtypes):
        yield Change(f"dtype={present}", f"dtype={dtype}", partial(_with_faster_matmul, facts, dtype))


def _with_faster_matmul(facts: CaseFacts, dtype: str) -> Prediction:
    factor, share = over(facts.matmul_rate(), facts.matmul_rate(dtype)), facts.compute_share()
    how = f"matmul time x {as_number(factor)}, MFU {as_percent(share)}"
    return Prediction(time_after(share, factor, fixed=_overhead(facts)), how)


def threads_for_bytes(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Other numbers of threads: the bytes' share changes with the measured bandwidths.

    T'/T is ``time_after`` with s = MBU, f = the present bandwidth / the other one, o = the operations' overhead; the
    rest changes by anything up to the numbers of threads.
    """

    def predict(threads: int) -> Prediction:
        factor = over(facts.bandwidth(), facts.bandwidth(threads))
        return _with_threads(facts, threads, facts.memory_share(), factor, "bandwidth")

    return _thread_changes(facts, predict)


def threads_for_arithmetic(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Other numbers of threads: as ``threads_for_bytes``, with s = MFU and the measured matmul rates."""

    def predict(threads: int) -> Prediction:
        factor = over(facts.matmul_rate(), facts.matmul_rate(threads=threads))
        return _with_threads(facts, threads, facts.compute_share(), factor, "matmul rate")

    return _thread_changes(facts, predict)


def _thread_changes(facts: CaseFacts, predict: Callable[[int], Prediction]) -> Iterator[Change]:
    """Yield all usable CPUs if there are more than threads, and half of the threads: the proof by a loss."""
    count, usable = facts.setup.threads, int(facts.usable_cpus or 0)
    if facts.is_on_gpu:
        return
    for threads in (usable, count // 2):
        if threads > count or 0 < threads == count // 2:
            is_fewer = threads < count
            change = f"threads={threads}"
            yield Change(f"threads={count}", change, partial(predict, threads), is_counterfactual=is_fewer)


def _with_threads(facts: CaseFacts, threads: int, share: Interval, factor: Interval, what: str) -> Prediction:
    count = facts.setup.threads
    rest = hull([1.0, factor.low, factor.high, count / threads])
    how = f"{what} of {count} threads over that of {threads}: {as_number(factor)}"
    return Prediction(time_after(share, factor, fixed=_overhead(facts), rest=rest), how)


def larger_batch(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """A batch: what limits the step is paid once for all rows, the rest once or per row.

    T'/T is ``time_after`` with s = MBU, or the operations' overhead if that is larger, f = the growth of the bytes by
    the other rows' keys and values, and r between 1 and the number of rows; the arithmetic of all rows at the measured
    rate is a lower bound.
    """
    is_single = facts.phase.name == DECODE and facts.result.case.benchmark == "inference_speed"
    if is_single and possible.batches:
        case, predict = batch_case(facts.result.case), partial(_in_a_batch, facts)
        yield Change("batch_size=1", f"batch_size={_ROWS}", predict, case=case, work=_ROWS)


def _in_a_batch(facts: CaseFacts) -> Prediction:
    shared = max(facts.memory_share(), _overhead(facts), key=lambda share: share.value)
    growth = exactly(decode_growth(facts.result, _ROWS))
    time = time_after(shared, growth, rest=between(1.0, _ROWS))
    how = f"{as_percent(shared)} of the step is paid once for {_ROWS} rows; counted in tokens per second"
    return Prediction(not_below(time, _ROWS * facts.compute_share().low), how)


def another_engine(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """Another engine, in the same dtype or a smaller one: its bytes take what the ceiling allows, its rest is its own.

    T'/T is ``time_after`` with s = MBU, f = bytes after / before and r = ``_OTHER_ENGINE``: at best the other engine
    reads as fast as the machine can and does nothing else, at worst what is not reading takes twice as long as now.
    """
    present = facts.setup.dtype
    baseline = f"engine={facts.setup.engine},dtype={present}"
    for engine, dtypes in possible.engines.items():
        for dtype in _no_larger(present, dtypes):
            yield Change(baseline, f"engine={engine},dtype={dtype}", partial(_in_an_engine, facts, dtype))


def _in_an_engine(facts: CaseFacts, dtype: str) -> Prediction:
    factor, share = _bytes_ratio(facts, dtype), facts.memory_share()
    how = f"bytes x {as_number(factor)}, MBU {as_percent(share)}; `agreement` tells what it changes in the answers"
    return Prediction(time_after(share, factor, rest=_OTHER_ENGINE), how)


def fewer_operations(facts: CaseFacts, possible: Possible) -> Iterator[Change]:
    """``torch.compile``: a part of the operations is fused away; the memory's share stays.

    T'/T is ``time_after`` with s = the operations' overhead, f = the share of operations that remains, o = MBU.
    """
    if facts.setup.compile != "none":
        return
    candidate = "compile=reduce-overhead" if facts.is_on_gpu else "compile=default"
    problem = "" if possible.compiles else "torch.compile cannot be used with this model here"
    yield Change("compile=none", candidate, partial(_compiled, facts), problem=problem)


def _compiled(facts: CaseFacts) -> Prediction:
    share, remaining = (facts.launch_share(), _GRAPH) if facts.is_on_gpu else (facts.overhead_share(), _FUSED)
    how = f"operations x {as_number(remaining)}, their overhead {as_percent(share)} of the step"
    return Prediction(time_after(share, remaining, fixed=facts.memory_share()), how)


def _smaller(present: str, dtypes: Iterable[str]) -> list[str]:
    """Return the dtypes with fewer bytes per weight than the present one."""
    return [dtype for dtype in dtypes if BYTES.get(dtype, math.inf) < BYTES.get(present, 0.0)]


def _no_larger(present: str, dtypes: Iterable[str]) -> list[str]:
    """Return the dtypes with no more bytes per weight than the present one has."""
    return [dtype for dtype in dtypes if BYTES.get(dtype, math.inf) <= BYTES.get(present, 0.0)]


def _bytes_ratio(facts: CaseFacts, dtype: str) -> Interval:
    """Return a step's bytes after a change of dtype over those before; keys and values shrink with 16 bits only."""
    ratio = BYTES[dtype] / BYTES[facts.setup.dtype]
    weights = 1.0 if dtype in _SIXTEEN_BITS else weights_share(facts.result)
    return exactly(weights * ratio + 1 - weights)


def _compute_share(facts: CaseFacts, dtype: str) -> Interval:
    """Return the time of the step's arithmetic at the rate of another dtype, over the step's time.

    int8 is at most as slow as the present dtype, whose products it replaces, where it was not measured.
    """
    try:
        rate = facts.matmul_rate(dtype)
    except MissingFactError:
        if dtype in _SIXTEEN_BITS:
            raise
        rate = facts.matmul_rate()
    return over(times(over(facts.work().flops, rate), exactly(NS_PER_S)), facts.phase.time_ns)


def _overhead(facts: CaseFacts) -> Interval:
    """Return the operations' overhead, or nothing where it is unknown or not the step's own (on a GPU)."""
    try:
        return NOTHING if facts.is_on_gpu else facts.overhead_share()
    except MissingFactError:
        return NOTHING

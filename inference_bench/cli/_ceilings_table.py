"""Ceilings as lines for people."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from inference_bench.cli._columns import aligned
from inference_bench.reports._pages.ceilings_remarks import age_remark, busy_remark
from inference_bench.units import counted, format_bytes, format_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inference_bench.ceilings import Ceilings, Interval

_COLUMNS = 3
"""Numbers of threads beside each other: a line then has at most 80 characters."""
_GIGA = 1e9

Cells = dict[str, dict[int, str]]
"""Working set or dtype → threads → figure."""


def ceilings_lines(ceilings: Ceilings) -> Iterator[str]:
    """Yield what is known: medians with their 95 % intervals."""
    yield f"{ceilings.device}, measured {ceilings.measured_utc} ({ceilings.age_days():.0f} days ago)"
    read: Cells = {}
    for each in ceilings.read:
        read.setdefault(format_bytes(each.working_set_bytes), {})[each.threads] = _scaled(each.bytes_per_s)
    matmul: Cells = {}
    for rate in ceilings.matmul:
        matmul.setdefault(rate.dtype, {})[rate.threads] = _scaled(rate.flops_per_s)
    yield from _table("read bandwidth, GB/s", "working set", read)
    gemv: Cells = {}
    for of in ceilings.gemv:
        gemv.setdefault(f"{of.dtype}, {isqrt(of.parameters)}", {})[of.threads] = _scaled(of.flops_per_s)
    yield from _table("matrix products, GFLOP/s (of int8: GOP/s)", "dtype", matmul)
    yield from _table("products of one row by square matrices, GFLOP/s (of int8: GOP/s)", "dtype, side", gemv)
    yield ""
    yield from aligned([(name, text) for name, text in _single(ceilings).items() if text])
    yield from filter(None, (age_remark(ceilings), busy_remark(ceilings)))


def _single(ceilings: Ceilings) -> Mapping[str, str]:
    copy, launch = ceilings.copy_bytes_per_s, ceilings.launch_ns
    others = None if ceilings.load is None else ceilings.load.others_cpus
    return {
        "smallest operation": _time(ceilings.operation_ns),
        "launch of a kernel": _time(launch) if launch else "",
        "copy, GB/s": _scaled(copy) if copy else "",
        "drift, first to last round": f"up to {ceilings.drift:.1%}",
        "CPUs used by others": "" if others is None else f"{others:.2f}",
    }


def _table(title: str, heading: str, cells: Cells) -> Iterator[str]:
    threads = sorted({count for row in cells.values() for count in row})
    for begin in range(0, len(threads), _COLUMNS):
        shown = threads[begin : begin + _COLUMNS]
        yield f"\n{title}"
        yield from aligned(list(_rows(heading, cells, shown)), indent="  ")


def _rows(heading: str, cells: Cells, threads: Iterable[int]) -> Iterator[Sequence[str]]:
    yield heading, *(counted(count, "thread") for count in threads)
    for name, row in cells.items():
        yield name, *(row.get(count, "") for count in threads)


def _scaled(interval: Interval) -> str:
    value, low, high = (f"{each / _GIGA:.3g}" for each in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _time(interval: Interval) -> str:
    return f"{format_ns(interval.value)} [{format_ns(interval.low)}, {format_ns(interval.high)}]"

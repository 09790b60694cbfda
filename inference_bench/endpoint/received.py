"""What a load brought back: its requests, its reads, and the bytes of each response, as the transport has them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]


class Rows(Protocol):
    """Columns of one length by name: a native ``Table``."""

    def __len__(self) -> int: ...
    def column(self, name: str, /) -> memoryview: ...
    def labels(self, name: str, /) -> list[str] | None: ...


class Received(Protocol):
    """What is read of a load that has ended: ``HttpLoad``."""

    def requests(self) -> Rows: ...
    def chunks(self) -> Rows: ...
    def head(self, request: int, /) -> bytes: ...
    def body(self, request: int, /) -> bytes: ...


class Exchange(NamedTuple):
    """A request and the times of its response: one row of ``requests()``; times are ns on the scale of ``now_ns``."""

    request: int
    planned_ns: int
    sent_ns: int
    written_ns: int
    connect_ns: int
    tls_ns: int
    first_byte_ns: int
    ended_ns: int
    status: int
    outcome: str


def exchanges(rows: Rows) -> list[Exchange]:
    """Return the rows of ``requests()``; the first byte's time is the kernel's where it gave one."""
    kernel, read = integers(rows, "first_byte_kernel_ns"), integers(rows, "first_byte_ns")
    columns = {name: integers(rows, name) for name in Exchange._fields if name not in ("first_byte_ns", "outcome")}
    columns["first_byte_ns"] = np.where(kernel >= 0, kernel, read)
    numbers = [columns[name].tolist() for name in Exchange._fields[:-1]]
    return sorted(map(Exchange, *numbers, texts(rows, "outcome")))  # by request


class Reads(NamedTuple):
    """The reads that brought the body of one response, in order.

    Attributes:
        times_ns: arrival at the kernel; where the kernel gave no time, the instant of the read.
        reads_ns: when the reads returned.
        ends: where each ended in the body, in bytes.
        stalled: 1 where the receiving thread itself was late around the read.
    """

    times_ns: Column
    reads_ns: Column
    ends: Column
    stalled: Column


class ReadsByRequest:
    """All reads of a load, found by request."""

    def __init__(self, chunks: Rows) -> None:
        request = integers(chunks, "request")
        order = np.argsort(request, kind="stable")
        kernel, read = integers(chunks, "kernel_ns")[order], integers(chunks, "read_ns")[order]
        ends = integers(chunks, "offset")[order] + integers(chunks, "length")[order]
        self._requests = request[order]
        self._columns = (np.where(kernel >= 0, kernel, read), read, ends, integers(chunks, "stalled")[order])

    def of(self, request: int) -> Reads:
        """Return the reads of a request; none where no byte of a body came."""
        begin, end = np.searchsorted(self._requests, (request, request + 1))
        return Reads(*(column[begin:end] for column in self._columns))


def integers(rows: Rows, name: str) -> Column:
    """Return a column of a table as int64."""
    return np.asarray(rows.column(name)).astype(np.int64, copy=False)


def texts(rows: Rows, name: str) -> list[str]:
    """Return a column of labels as texts."""
    labels = rows.labels(name) or []
    return [labels[index] for index in np.asarray(rows.column(name)).tolist()]

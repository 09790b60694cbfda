"""A double of ``HttpLoad`` that has ended: responses written by hand, with the tables of the native transport.

It stands in for a server and a network whose bytes and times a test decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MS = 1_000_000
STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Rows:
    """Columns with labels, as ``Table`` has them."""

    values: dict[str, np.ndarray]
    texts: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def column(self, name: str, /) -> memoryview:
        return memoryview(self.values[name])

    def labels(self, name: str, /) -> list[str] | None:
        return self.texts.get(name)


@dataclass(frozen=True)
class Response:
    """One response: the pieces of its body as they were read, each with the time of the read in ms.

    Attributes:
        reads: bytes of the body and the kernel's time of each read; the read itself returns 1 ms later.
        kernel: whether the kernel gave times.
        stalled: indices of reads around which the receiving thread was late.
    """

    reads: Sequence[tuple[bytes, int]] = ()
    status: int = 200
    content_type: str = STREAM
    outcome: str = "ok"
    headers: str = ""
    kernel: bool = True
    stalled: tuple[int, ...] = ()
    planned_ms: int = 0

    @property
    def body(self) -> bytes:
        return b"".join(data for data, _ in self.reads)

    @property
    def head(self) -> bytes:
        kind = f"Content-Type: {self.content_type}\r\n" if self.content_type else ""
        return f"HTTP/1.1 {self.status} Status\r\n{kind}{self.headers}\r\n".encode() if self.status else b""


class RecordedLoad:
    """Responses as a load that has ended."""

    def __init__(self, *responses: Response) -> None:
        self.responses = responses

    def requests(self) -> Rows:
        outcomes = [each.outcome for each in self.responses]
        labels = sorted(set(outcomes))
        first = [each.reads[0][1] * MS if each.reads else -1 for each in self.responses]
        columns = {
            "request": list(range(len(self.responses))),
            "connection": [0] * len(self.responses),
            "planned_ns": [each.planned_ms * MS for each in self.responses],
            "sent_ns": [each.planned_ms * MS + 1_000 for each in self.responses],
            "written_ns": [each.planned_ms * MS + 2_000 for each in self.responses],
            "connect_ns": [0] * len(self.responses),
            "tls_ns": [0] * len(self.responses),
            "first_byte_kernel_ns": [
                each if one.kernel else -1 for each, one in zip(first, self.responses, strict=True)
            ],
            "first_byte_ns": [each + MS if each >= 0 else -1 for each in first],
            "ended_ns": [each.reads[-1][1] * MS if each.reads else -1 for each in self.responses],
            "status": [each.status for each in self.responses],
            "head_bytes": [len(each.head) for each in self.responses],
            "body_bytes": [len(each.body) for each in self.responses],
            "outcome": [labels.index(outcome) for outcome in outcomes],
        }
        return Rows({name: np.array(values, np.int64) for name, values in columns.items()}, {"outcome": labels})

    def chunks(self) -> Rows:
        rows = []
        for request, response in enumerate(self.responses):
            offset = 0
            for index, (data, time) in enumerate(response.reads):
                kernel = time * MS if response.kernel else -1
                rows.append((request, kernel, (time + 1) * MS, offset, len(data), index in response.stalled))
                offset += len(data)
        rows.sort(key=lambda row: row[2])  # as they arrived: requests mixed
        names = ("request", "kernel_ns", "read_ns", "offset", "length", "stalled")
        return Rows({name: np.array([row[at] for row in rows], np.int64) for at, name in enumerate(names)})

    def head(self, request: int, /) -> bytes:
        return self.responses[request].head

    def body(self, request: int, /) -> bytes:
        return self.responses[request].body


def event(text: str) -> bytes:
    """Return a server-sent event as servers write it."""
    return f"data: {text}\n\n".encode()

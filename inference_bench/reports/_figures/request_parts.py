"""The parts of a request's time, by what is known of it: both sides, the client's alone, or a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from inference_bench.reports._figures.figure import NEUTRAL

if TYPE_CHECKING:
    from inference_bench.result import Requests


class Part(NamedTuple):
    """A kind of part: its name, and its colour in charts."""

    name: str
    colour: str


class Stretch(NamedTuple):
    """A part of one request; instants in ns on the clock of the table."""

    part: Part
    begin_ns: int
    end_ns: int


UNSENT = Part("waits to be sent", "s4")
FIRST_CONTENT = Part("to the first content", "s1")
LAST_CONTENT = Part("to the last content", "s2")
TO_SERVER = Part("to the server", "s5")
QUEUE = Part("queue in the server", "s3")
PREFILL = Part("prefill", "s1")
DECODE = Part("decode", "s2")
TO_CLIENT = Part("back to the client", "s0")
UNTOLD = Part("not told by the server", NEUTRAL)
FAILED = Part("failed", "c1")

PARTS = (UNSENT, FIRST_CONTENT, LAST_CONTENT, TO_SERVER, QUEUE, PREFILL, DECODE, TO_CLIENT, UNTOLD, FAILED)
"""All parts in the order of a legend."""


def stretches(table: Requests, row: int, *, both_sides: bool) -> Iterator[Stretch]:
    """Yield the parts of a request that are known, in order of time.

    Args:
        table: of a case.
        row: of the request.
        both_sides: whether the server told its stages of any request that is shown beside this one.
    """
    planned_ns, sent_ns, ended_ns = (int(getattr(table, name)[row]) for name in ("planned_ns", "sent_ns", "ended_ns"))
    if sent_ns < 0:
        return
    yield Stretch(UNSENT, planned_ns, sent_ns)
    if table.outcome[row] != "ok":
        if ended_ns >= 0:
            yield Stretch(FAILED, sent_ns, ended_ns)
    elif table.server_received_ns[row] >= 0:
        yield from _in_server(table, row, sent_ns, ended_ns)
    elif both_sides:
        yield Stretch(UNTOLD, sent_ns, ended_ns)
    else:
        yield from _as_arrived(table, row, sent_ns)


def _in_server(table: Requests, row: int, sent_ns: int, ended_ns: int) -> Iterator[Stretch]:
    """Yield the parts that both sides tell; what lies between two generations counts to the way back."""
    begin_ns, end_ns = sent_ns, int(table.server_received_ns[row])
    yield Stretch(TO_SERVER, begin_ns, end_ns)
    for part, durations_ns in ((QUEUE, table.queue_ns), (PREFILL, table.prefill_ns), (DECODE, table.decode_ns)):
        begin_ns, end_ns = end_ns, end_ns + int(durations_ns[row])
        yield Stretch(part, begin_ns, end_ns)
    yield Stretch(TO_CLIENT, end_ns, ended_ns)


def _as_arrived(table: Requests, row: int, sent_ns: int) -> Iterator[Stretch]:
    """Yield the parts that the client sees alone."""
    first_ns, last_ns = int(table.first_content_ns[row]), int(table.last_content_ns[row])
    if first_ns >= 0 and last_ns >= 0:
        yield Stretch(FIRST_CONTENT, sent_ns, first_ns)
        yield Stretch(LAST_CONTENT, first_ns, last_ns)

"""Server-sent events: a body split into events, each with the read that completed it.

The rules are those of the HTML standard, section 9.2 (https://html.spec.whatwg.org/multipage/server-sent-events.html):
lines end in LF, CR LF or CR; a blank line ends an event; lines that begin with a colon are comments; several ``data``
lines are one text; a byte order mark at the beginning is skipped; an event without data is none. Two things differ. An
event that the stream's end cuts off counts, so that what is in it can be judged. A field ``error`` counts as an event
of that name with data: servers of llama.cpp have sent errors so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13
_BLANK_LINE = b"\n\n"
_DATA = b"data: "


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one body, as columns.

    Attributes:
        data: the text of each event.
        names: the type of each event; empty where it has none.
        reads: for each event, the index of the read that brought its last byte: that of the blank line.
        is_cut: the last event was ended by the end of the body, not by a blank line.
    """

    data: list[bytes]
    names: list[bytes]
    reads: list[int]
    is_cut: bool


def events(body: bytes, read_ends: NDArray[np.int64]) -> Events:
    """Split a body into events.

    Args:
        body: all bytes of the stream, without chunked coding.
        read_ends: where each read ended in the body, ascending; the last is the length of the body.
    """
    text, removed = _with_line_feeds(body)
    begin = len(_BOM) if text.startswith(_BOM) else 0
    blocks = (text[begin:] if begin else text).split(_BLANK_LINE)
    ends = np.fromiter(map(len, blocks), np.int64, len(blocks)).cumsum()
    ends += begin + len(_BLANK_LINE) * np.arange(1, len(blocks) + 1)
    ends[-1] = len(text)
    ends += np.searchsorted(removed, ends)
    reads = np.searchsorted(read_ends, ends).tolist()
    return _collected(blocks, reads)


def _collected(blocks: list[bytes], reads: list[int]) -> Events:
    *whole, last = blocks
    if not last and all(block.startswith(_DATA) and b"\n" not in block for block in whole):  # nearly all bodies
        return Events([block[len(_DATA) :] for block in whole], [b""] * len(whole), reads[:-1], is_cut=False)
    found = [(*fields, read) for block, read in zip(blocks, reads, strict=True) if (fields := _fields(block))]
    names, data, of_events = (list(column) for column in zip(*found, strict=True)) if found else ([], [], [])
    return Events(data, names, of_events, is_cut=_fields(last) is not None)


def _fields(block: bytes) -> tuple[bytes, bytes] | None:
    """Return an event's type and data, or None for a block without data."""
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field in (b"data", b"error"):
            data.append(value)
        if field == b"event":
            name = value
        elif field == b"error":
            name = b"error"
    return (name, b"\n".join(data)) if data else None


def _with_line_feeds(body: bytes) -> tuple[bytes, NDArray[np.int64]]:
    """Return the body with LF alone at each line's end, and the places, in it, of LFs that a CR was removed from."""
    if b"\r" not in body:
        return body, np.empty(0, np.int64)
    values = np.frombuffer(body, np.uint8)
    pairs = np.flatnonzero((values[:-1] == _CR) & (values[1:] == _LF))
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text, pairs - np.arange(len(pairs))

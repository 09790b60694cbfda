"""What the body of a response says: its events, or its one JSON text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inference_bench.endpoint.deltas import Delta, delta
from inference_bench.endpoint.response import Response
from inference_bench.endpoint.sse import Events, events


@dataclass(frozen=True, slots=True)
class Said:
    """The events of a body up to ``[DONE]``; one JSON text is one event; nothing for other bodies.

    Attributes:
        deltas: what each event carries.
        reads: for each event, the index of the read that completed it.
        streamed: the body is an event stream.
        unreadable: the first event that is no JSON of OpenAI's API, or None.
    """

    deltas: list[Delta]
    reads: list[int]
    streamed: bool = False
    unreadable: bytes | None = None

    @property
    def done(self) -> bool:
        """Whether the stream ended with ``[DONE]``, or the JSON text is there."""
        return bool(self.deltas) and (not self.streamed or self.deltas[-1].is_done)

    @property
    def error(self) -> str:
        """The message of the first error among the events, or nothing."""
        return next((each.error for each in self.deltas if each.error), "")

    def last(self, name: str) -> Any:
        """Return the last value of an attribute that any event has; None if none has."""
        return next((value for each in reversed(self.deltas) if (value := getattr(each, name)) is not None), None)


def said(response: Response) -> Said:
    """Read the body of a response; that of an error status or a compressed one says nothing."""
    if not response.is_success or response.content_encoding:
        return Said([], [])
    if response.is_stream:
        return _of_stream(events(response.body, response.reads.ends))
    if response.is_json and response.body:
        whole = delta(response.body)
        unreadable = response.body if whole.is_malformed else None
        return Said([whole], [len(response.reads.ends) - 1], unreadable=unreadable)
    return Said([], [])


def _of_stream(found: Events) -> Said:
    deltas: list[Delta] = []
    unreadable = None
    for data, name in zip(found.data, found.names, strict=True):
        one = delta(data, name)
        deltas.append(one)
        if one.is_malformed and unreadable is None:
            unreadable = data
        if one.is_done:
            break
    return Said(deltas, found.reads, True, unreadable)

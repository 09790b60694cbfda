"""The stages of requests, found in the records of the flight recorder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from inference_bench._native import SpanRecords
from inference_bench.server_stages import ServerStages

FIRST_PIECE, LAST_PIECE = "http_first_piece", "http_last_piece"
"""Marks of the pieces of a response whose client asked for the request's number."""

_ROLES = ("request", "generate", "prefill", "decode", FIRST_PIECE, LAST_PIECE)


class _Record(NamedTuple):
    time_ns: int
    role: str
    kind: str
    number: int
    value: int


def request_stages(batches: Iterable[SpanRecords]) -> dict[int, ServerStages]:
    """Return the stages of the requests whose begin is recorded, by number and in order of their begin.

    Args:
        batches: records, also of requests that have not ended.
    """
    found = _Stages()
    # Records of several threads come chunk by chunk and are ordered by time only.
    for record in sorted((record for batch in batches for record in _records(batch)), key=lambda each: each.time_ns):
        found.add(record)
    return found.by_number


def _records(batch: SpanRecords) -> Iterator[_Record]:
    """Yield the records that tell a stage."""
    import numpy as np

    table = batch.records()
    roles = [_role(name) for name in table.labels("name") or []]
    kinds = table.labels("kind") or []
    wanted = np.isin(np.asarray(table.column("name")), [number for number, role in enumerate(roles) if role])
    columns = (np.asarray(table.column(name))[wanted] for name in ("name", "kind", "id", "value", "begin_ns"))
    for name, kind, number, value, time_ns in zip(*(column.tolist() for column in columns), strict=True):
        yield _Record(time_ns, roles[name], kinds[kind], number, value)


def _role(name: str) -> str:
    """Return which stage a name tells of: its last word, since a model's name stands before those of generations."""
    role = name.rpartition(".")[2]
    is_own = name == role if role in ("request", FIRST_PIECE, LAST_PIECE) else name != role
    return role if role in _ROLES and is_own else ""


class _Stages:
    """Requests and the generations in them, record by record.

    Attributes:
        by_number: what is known of each request.
    """

    def __init__(self) -> None:
        self.by_number: dict[int, ServerStages] = {}
        self._begun: dict[tuple[str, int], _Record] = {}

    def add(self, record: _Record) -> None:
        """Add a record; one of a request whose begin was not recorded tells nothing."""
        if record.role == "request":
            self._of_request(record)
        elif record.kind == "instant":
            field = "first_piece_ns" if record.role == FIRST_PIECE else "last_piece_ns"
            self._note(record.value, field, record.time_ns)
        elif record.kind == "begin":
            self._begun[record.role, record.number] = record
            if record.role == "generate" and not self._known(record.value, "generation_ns"):
                self._note(record.value, "generation_ns", record.time_ns)
        elif record.kind == "end" and (begun := self._begun.pop((record.role, record.number), None)):
            self._of_generation(begun, record.time_ns)

    def _of_request(self, record: _Record) -> None:
        if record.kind == "begin":
            self.by_number[record.number] = ServerStages(record.number, received_ns=record.time_ns)
        elif record.kind == "end":
            self._note(record.number, "ended_ns", record.time_ns)

    def _of_generation(self, begun: _Record, ended_ns: int) -> None:
        if begun.role == "generate":
            self._note(begun.value, "generated_ns", ended_ns)
            return
        field = f"{begun.role}_ns"
        self._note(begun.value, field, self._known(begun.value, field) + ended_ns - begun.time_ns)

    def _known(self, number: int, field: str) -> int:
        return getattr(self.by_number.get(number), field, None) or 0

    def _note(self, number: int, field: str, value: int) -> None:
        stages = self.by_number.get(number)
        if stages is not None:
            self.by_number[number] = replace(stages, **{field: value})


def chosen(stages: dict[int, ServerStages], numbers: Sequence[int] | None, since_ns: int | None) -> list[ServerStages]:
    """Return the stages of these requests, or of those that began at an instant or later."""
    if numbers is not None:
        return [stages[number] for number in numbers if number in stages]
    return [each for each in stages.values() if since_ns is None or (each.received_ns or 0) >= since_ns]

"""Recorded loads: when requests came, how long their prompts and answers were, and which blocks they shared.

Formats, told apart by their columns:

- Mooncake, JSON lines: ``timestamp`` (ms), ``input_length``, ``output_length``, ``hash_ids`` of blocks of 512 tokens
  (Qin et al., "Mooncake", FAST 2025).
- Bailian, JSON lines: the same with ``timestamp`` in seconds, blocks of 16 tokens, and ``chat_id``, ``parent_chat_id``,
  ``type``, ``turn`` (Wang et al., "KVCache in the Wild", ATC 2025).
- BurstGPT, CSV: ``Timestamp`` (s), ``Request tokens``, ``Response tokens``, and others (Wang et al., KDD 2025).
- Azure, CSV: ``TIMESTAMP`` (date and time), ``ContextTokens``, ``GeneratedTokens`` (Patel et al., "Splitwise", ISCA
  2024).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import chain, islice

from inference_bench.endpoint.file_lines import FileLine, csv_lines, json_lines
from inference_bench.errors import InvalidValueError
from inference_bench.units import NS_PER_MS, NS_PER_S

_MOST_TOKENS = 100_000_000
_LATEST = 10**15
"""In a trace's own unit; beyond it a number with an exponent would take gigabytes as an integer."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request of a trace.

    Attributes:
        time_ns: when it came, on the trace's own scale.
        prompt_tokens: length of the prompt.
        new_tokens: length of the answer.
        blocks: ids of the prompt's blocks, equal for equal beginnings; empty where the trace has none.
    """

    time_ns: int
    prompt_tokens: int
    new_tokens: int
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded load.

    Attributes:
        kind: name of the format.
        requests: in the order of their times.
        block_tokens: tokens of a block; 0 where the trace has none.
        failed: requests that the trace records as without an answer; they are left out.
    """

    kind: str
    requests: tuple[TraceRequest, ...]
    block_tokens: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Format:
    """Columns of a format, and the unit of its times."""

    kind: str
    time: str
    prompt: str
    answer: str
    time_ns: Callable[[object], int]
    blocks: str = ""
    block_tokens: int = 0
    further: tuple[str, ...] = ()
    keeps_failures: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name in (self.time, self.prompt, self.answer, self.blocks) if name)


def _scaled(unit_ns: int) -> Callable[[object], int]:
    """Return a reader of numbers in a unit, exact to the nanosecond."""

    def time_ns(given: object) -> int:
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise ValueError(given)
        number = Decimal(str(given).strip())
        if abs(number) > _LATEST:
            raise ValueError(given)
        return int(number * unit_ns)

    return time_ns


def _date_ns(given: object) -> int:
    """Read a date and time to the nanosecond; one without a zone is UTC."""
    found = _DATE.fullmatch(str(given).strip())
    if found is None:
        raise ValueError(given)
    whole = datetime.fromisoformat(found[1] + (found[3] or "+00:00"))
    return int(whole.timestamp()) * NS_PER_S + int((found[2] or "0").ljust(9, "0"))


_JSON_COLUMNS = ("timestamp", "input_length", "output_length")
_JSON = (
    _Format("Mooncake", *_JSON_COLUMNS, _scaled(NS_PER_MS), "hash_ids", 512),
    _Format(
        "Bailian", *_JSON_COLUMNS, _scaled(NS_PER_S), "hash_ids", 16, ("chat_id", "parent_chat_id", "type", "turn")
    ),
)
_CSV = (
    _Format(
        "BurstGPT",
        "Timestamp",
        "Request tokens",
        "Response tokens",
        _scaled(NS_PER_S),
        further=("Model", "Total tokens", "Log Type", "Session ID", "Elapsed time"),
        keeps_failures=True,
    ),
    _Format("Azure", "TIMESTAMP", "ContextTokens", "GeneratedTokens", _date_ns),
)


def read_trace(path: str | os.PathLike[str], *, limit: int | None = None) -> Trace:
    """Read a trace, or its first ``limit`` requests.

    Raises:
        InvalidValueError: one line that names the file and the line: a line that cannot be read, unknown or missing
            columns, times that are negative or decrease, or lengths that are no positive whole numbers.
    """
    is_csv = os.fspath(path).lower().endswith(".csv")
    lines = csv_lines(path) if is_csv else json_lines(path)
    first = next(lines, None)
    if first is None:
        raise InvalidValueError("trace", os.fspath(path), "at least one request", "It has none.")
    form = _format_of(first, _CSV if is_csv else _JSON)
    failed = 0
    requests: list[TraceRequest] = []
    for request in islice(_requests(chain([first], lines), form), limit):
        if form.keeps_failures and request.new_tokens == 0:
            failed += 1
        else:
            requests.append(request)
    if not requests:
        raise InvalidValueError("trace", os.fspath(path), "at least one request with an answer", "All have failed.")
    return Trace(form.kind, tuple(requests), form.block_tokens, failed)


def _format_of(line: FileLine, formats: tuple[_Format, ...]) -> _Format:
    """Return the format with most columns of this line, and check that it has them all."""
    form = max(formats, key=lambda each: len({*each.required, *each.further} & set(line.values)))
    line.check_columns(form.required, form.further)
    return form


def _requests(lines: Iterator[FileLine], form: _Format) -> Iterator[TraceRequest]:
    before_ns = 0
    for line in lines:
        line.check_columns(form.required, form.further)
        time_ns = _time_ns(line, form)
        if time_ns < before_ns:
            given = line.values[form.time]
            raise line.wrong(form.time, given, "at least that of the request before it", "Sort the file by time.")
        before_ns = time_ns
        yield TraceRequest(
            time_ns,
            line.whole(form.prompt, least=1, most=_MOST_TOKENS),
            line.whole(form.answer, least=0 if form.keeps_failures else 1, most=_MOST_TOKENS),
            _blocks(line, form),
        )


def _time_ns(line: FileLine, form: _Format) -> int:
    given = line.values[form.time]
    try:
        time_ns = form.time_ns(given)
    except (ValueError, OverflowError, InvalidOperation):
        raise line.wrong(form.time, given, "a time") from None
    if time_ns < 0:
        raise line.wrong(form.time, given, "a time that is not negative")
    return time_ns


def _blocks(line: FileLine, form: _Format) -> tuple[int, ...]:
    if not form.blocks:
        return ()
    given = line.values[form.blocks]
    if not isinstance(given, list) or not all(type(each) is int for each in given):
        raise line.wrong(form.blocks, f"{given}", "a list of whole numbers")
    return tuple(given)

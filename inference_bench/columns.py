"""Every column of every table of a case, declared once: type, meaning and missing value.

A column is one field of a class below. The types of joined columns, the Parquet files, the checks of files that are
read, and the tables of docs/results.md come from these fields; the classes of ``result`` have them as attributes. A
column that is added later needs a missing value: parts and files that lack the column then count as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar, dataclass_transform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

UNKNOWN_DIFFERENCE = -(1 << 63)
"""Missing value of a duration that may be negative: the smallest int64."""


class Kind(StrEnum):
    """What a column holds."""

    INT32 = "int32"
    INT64 = "int64"
    FLOAT64 = "float64"
    WORD = "word"
    """One of a few texts, dictionary-encoded in files."""
    NAME = "name"
    """A short text that differs from row to row."""
    TEXT = "text"
    """A text of any length."""

    @property
    def dtype(self) -> str:
        """Name of the NumPy type in memory; a text of any length is an object, because NumPy would pad all to one."""
        return {Kind.WORD: "str", Kind.NAME: "str", Kind.TEXT: "object"}.get(self, self.value)

    @property
    def stored(self) -> str:
        """Name of the Arrow type of a value in files."""
        return "string" if self in (Kind.WORD, Kind.NAME, Kind.TEXT) else self.value


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: heading in files and attribute in memory.
        kind: what it holds.
        help: meaning and unit, for people.
        missing: value in memory that means unknown or not applicable, null in files; None if every row has a value.
    """

    name: str
    kind: Kind
    help: str
    missing: int | str | None = None


def column(kind: Kind, help: str, *, missing: int | str | None = None) -> Any:
    """Declare a column as a field of a table; the arguments are the attributes of ``Column``."""
    return field(metadata={"kind": kind, "help": help, "missing": missing})


@dataclass_transform(frozen_default=True, field_specifiers=(column,))
def table(cls: type[T]) -> type[T]:
    """Make a class whose fields are columns a dataclass."""
    return dataclass(frozen=True, slots=True)(cls)


@table
class Columns:
    """Equally long columns of one case."""

    run: NDArray[np.int32] = column(Kind.INT32, "fresh process, from 0")

    def __len__(self) -> int:
        return len(self.run)

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, object]]) -> Self:
        """Return the rows of all parts, one part after another.

        Args:
            parts: column name → its values, or one value for all rows of the part. A column with a missing value may be
                absent.

        Raises:
            KeyError: a part lacks a column that has no missing value.
        """
        import numpy as np

        columns = columns_of(cls)
        filled = [_filled(part, columns) for part in parts]
        return cls(**{each.name: np.concatenate([part[each.name] for part in filled]) for each in columns})


@table
class SampleColumns(Columns):
    """One row per observation."""

    iteration: NDArray[np.int32] = column(Kind.INT32, "iteration within the run, from 0 (the cold iteration)")
    step: NDArray[np.int32] = column(Kind.INT32, "position within the iteration, such as a decode step", missing=-1)
    metric: NDArray[np.str_] = column(Kind.WORD, "tag of a sampled metric; derived metrics (rates) have no samples")
    phase: NDArray[np.str_] = column(Kind.WORD, "`prefill`, `decode`, `load` …; empty for the whole")
    stage: NDArray[np.str_] = column(Kind.WORD, "`cold`, `warmup` or `measured`; only measured samples enter a summary")
    start_ns: NDArray[np.int64] = column(
        Kind.INT64, "start of the interval, nanoseconds on CLOCK_MONOTONIC_RAW", missing=-1
    )
    value: NDArray[np.int64] = column(Kind.INT64, "nanoseconds or bytes, according to the unit of the metric")
    loader: NDArray[np.str_] = column(
        Kind.WORD,
        "next worker while the sample was taken: `none` (there was no next worker), `still` (frozen, or it had "
        "loaded its model) or `running`",
        missing="",
    )
    interference: NDArray[np.str_] = column(
        Kind.WORD,
        "what interfered with the iteration, joined by `+`: `preempted` (an involuntary context switch), `disk` (a "
        "page fault that waited for the disk), `gc` (a garbage collection); null if nothing did",
        missing="",
    )


@table
class MemoryColumns(Columns):
    """One row per reading of the memory sampler."""

    time_ns: NDArray[np.int64] = column(Kind.INT64, "time of the reading, nanoseconds on the clock of `start_ns`")
    phase: NDArray[np.str_] = column(Kind.WORD, "phase at that time")
    rss_bytes: NDArray[np.int64] = column(Kind.INT64, "resident set size")
    cgroup_bytes: NDArray[np.int64] = column(Kind.INT64, "memory of the control group", missing=-1)
    probe_cost_ns: NDArray[np.int64] = column(Kind.INT64, "duration of the reading, nanoseconds")


@table
class ScoreColumns(Columns):
    """One row per item and metric."""

    task: NDArray[np.str_] = column(Kind.WORD, "data set or question that the item belongs to")
    item: NDArray[np.str_] = column(
        Kind.NAME, "name of the item within its task, the same in every run and configuration"
    )
    metric: NDArray[np.str_] = column(Kind.WORD, "tag of a scored metric")
    value: NDArray[np.float64] = column(Kind.FLOAT64, "score of the item, in the unit of the metric")
    weight: NDArray[np.float64] = column(Kind.FLOAT64, "weight of the item in a mean: 1, or for example its bytes")
    detail: NDArray[np.object_] = column(
        Kind.TEXT, "JSON of what led to the score (answer given, answer expected …)", missing=""
    )


@table
class RequestColumns(Columns):
    """One row per request that was sent to a server."""

    stage: NDArray[np.str_] = column(
        Kind.WORD,
        "`warmup`, `measured`, `floor` (the same load on the null server), or `window 3` of a search for the capacity",
    )
    request: NDArray[np.int32] = column(Kind.INT32, "number of the request within its stage, in order of the schedule")
    request_id: NDArray[np.str_] = column(Kind.NAME, "value of the `X-Request-Id` header that was sent", missing="")
    connection: NDArray[np.int32] = column(Kind.INT32, "number of the connection that carried it", missing=-1)
    planned_ns: NDArray[np.int64] = column(
        Kind.INT64, "instant that the schedule names, nanoseconds on the clock of `start_ns`; latencies count from it"
    )
    sent_ns: NDArray[np.int64] = column(Kind.INT64, "first byte of the request handed to the kernel", missing=-1)
    written_ns: NDArray[np.int64] = column(Kind.INT64, "last byte of the request handed to the kernel", missing=-1)
    connect_ns: NDArray[np.int64] = column(
        Kind.INT64, "duration of the connect that it waited for; 0 if the connection was open", missing=-1
    )
    tls_ns: NDArray[np.int64] = column(Kind.INT64, "duration of the TLS handshake that it waited for", missing=-1)
    first_byte_ns: NDArray[np.int64] = column(Kind.INT64, "arrival of the first byte of the response", missing=-1)
    first_reasoning_ns: NDArray[np.int64] = column(Kind.INT64, "arrival of the first reasoning text", missing=-1)
    first_content_ns: NDArray[np.int64] = column(Kind.INT64, "arrival of the first content", missing=-1)
    last_content_ns: NDArray[np.int64] = column(Kind.INT64, "arrival of the last content", missing=-1)
    ended_ns: NDArray[np.int64] = column(Kind.INT64, "arrival of the last byte of the response", missing=-1)
    asked_prompt_tokens: NDArray[np.int32] = column(Kind.INT32, "tokens that the prompt was made to have", missing=-1)
    asked_new_tokens: NDArray[np.int32] = column(Kind.INT32, "tokens that were asked for", missing=-1)
    prompt_tokens: NDArray[np.int32] = column(Kind.INT32, "tokens of the prompt, as the server counted", missing=-1)
    completion_tokens: NDArray[np.int32] = column(Kind.INT32, "tokens of the answer", missing=-1)
    cached_tokens: NDArray[np.int32] = column(
        Kind.INT32, "tokens of the prompt that the server took from its prefix cache", missing=-1
    )
    token_source: NDArray[np.str_] = column(
        Kind.WORD, "how the tokens of each event are known: `token_ids`, `usage` …; null if they are not", missing=""
    )
    finish_reason: NDArray[np.str_] = column(Kind.WORD, "why the server ended the answer", missing="")
    status: NDArray[np.int32] = column(Kind.INT32, "HTTP status", missing=-1)
    outcome: NDArray[np.str_] = column(
        Kind.WORD, "`ok`, or the kind of failure: `refused`, `timeout`, `http_status`, `malformed_sse` …"
    )
    detail: NDArray[np.object_] = column(
        Kind.TEXT, "what the failure was, with the first bytes of the body", missing=""
    )
    broken: NDArray[np.object_] = column(
        Kind.TEXT, "clauses of the workload contract that the answer broke, joined by `; `; null if none", missing=""
    )
    server_request: NDArray[np.int64] = column(
        Kind.INT64, "number of the request in a server with `inference_bench.live`; null if it tells none", missing=-1
    )
    server_received_ns: NDArray[np.int64] = column(
        Kind.INT64,
        "instant at which the server's application was called with the request, on the clock of `start_ns`; null, as "
        "all columns after it, if the server does not tell its stages",
        missing=-1,
    )
    queue_ns: NDArray[np.int64] = column(
        Kind.INT64, "from there until its first generation began: waiting, chat template, tokenizing", missing=-1
    )
    prefill_ns: NDArray[np.int64] = column(Kind.INT64, "from there to the first token", missing=-1)
    decode_ns: NDArray[np.int64] = column(Kind.INT64, "from there to the last token", missing=-1)
    hand_over_ns: NDArray[np.int64] = column(
        Kind.INT64, "from there until the application handed its last byte to the HTTP server", missing=-1
    )
    residual_ns: NDArray[np.int64] = column(
        Kind.INT64,
        "time between `server_received_ns` and `server_sent_ns` that is in none of the four durations before; below 0 "
        "only by the drift between two clocks",
        missing=UNKNOWN_DIFFERENCE,
    )
    server_first_ns: NDArray[np.int64] = column(
        Kind.INT64, "instant at which the application handed over the first bytes of the answer", missing=-1
    )
    server_sent_ns: NDArray[np.int64] = column(Kind.INT64, "instant at which it handed over the last ones", missing=-1)
    clock_uncertainty_ns: NDArray[np.int64] = column(
        Kind.INT64,
        "the most by which the three instants of the server may be off; 0 if both sides read one clock",
        missing=-1,
    )


@table
class ChunkColumns(Columns):
    """One row per event of a streamed answer that carried something."""

    stage: NDArray[np.str_] = column(Kind.WORD, "`warmup`, `measured` or `floor`, as in `requests`")
    request: NDArray[np.int32] = column(Kind.INT32, "number of the request, as in `requests`")
    chunk: NDArray[np.int32] = column(Kind.INT32, "position within the answer, from 0")
    kind: NDArray[np.str_] = column(Kind.WORD, "`content`, `reasoning` or `tool_call`")
    kernel_ns: NDArray[np.int64] = column(
        Kind.INT64, "arrival by the kernel's stamp, nanoseconds on the clock of `start_ns`", missing=-1
    )
    read_ns: NDArray[np.int64] = column(Kind.INT64, "instant at which the client had read it")
    tokens: NDArray[np.int32] = column(Kind.INT32, "tokens that it carried", missing=-1)
    stalled: NDArray[np.int32] = column(
        Kind.INT32, "1 if the client itself was held up around this read, else 0", missing=-1
    )


@table
class ServerColumns(Columns):
    """One row per reading of a series of a server's ``/metrics``."""

    stage: NDArray[np.str_] = column(Kind.WORD, "`measured`, or `window 3` of a search for the capacity")
    time_ns: NDArray[np.int64] = column(
        Kind.INT64, "middle between question and answer, nanoseconds on the clock of `start_ns`"
    )
    took_ns: NDArray[np.int64] = column(Kind.INT64, "time between question and answer")
    series: NDArray[np.str_] = column(
        Kind.WORD, "the server's name of it, its labels added up; only those of known meaning, or that changed"
    )
    meaning: NDArray[np.str_] = column(
        Kind.WORD, "`running`, `waiting` (requests) or `kv_use` (share of the KV cache); null for others", missing=""
    )
    value: NDArray[np.float64] = column(Kind.FLOAT64, "the reading")


@table
class OperationColumns(Columns):
    """One row per span of a breakdown: a whole step, one forward of a module, or one operator of the framework."""

    recorded_by: NDArray[np.str_] = column(
        Kind.WORD,
        "`clock` (the step alone), `hooks` (each module's forward) or `profiler` (operators of the framework, too)",
    )
    repetition: NDArray[np.int32] = column(Kind.INT32, "of all steps, from 0")
    step: NDArray[np.str_] = column(Kind.WORD, "`prefill`, `decode`, `forward` or `call`")
    module: NDArray[np.str_] = column(
        Kind.WORD, "path of the module, or of the one that called the operator; null outside of all modules", missing=""
    )
    operator: NDArray[np.str_] = column(
        Kind.WORD, "name of the operator; null for a module and for the whole step", missing=""
    )
    depth: NDArray[np.int32] = column(Kind.INT32, "spans that it lies in; 0 for the whole step")
    parent: NDArray[np.int64] = column(
        Kind.INT64, "place, from 0, of the row that it lies in, among the rows of its run", missing=-1
    )
    start_ns: NDArray[np.int64] = column(Kind.INT64, "begin, nanoseconds on the clock of the samples' `start_ns`")
    duration_ns: NDArray[np.int64] = column(Kind.INT64, "duration, nanoseconds")
    thread: NDArray[np.str_] = column(Kind.WORD, "`main`, which carries out the steps, or another thread by number")


CASE_ID = Column("case_id", Kind.WORD, "id of the case, the same in every row, so that a folder reads as one table")
"""First column of every file; in memory a table belongs to one case."""

RUN_COLUMNS = (
    Column("commit", Kind.WORD, "commit of the measured code, the same in every row", ""),
    Column("changed_files", Kind.INT32, "files of the measured code that differed from it", -1),
    Column("label", Kind.WORD, "name that the user gave to the run", ""),
)
"""Last columns of every file, and columns of ``results.csv``: what tells a run from others."""

TABLES: Mapping[str, type[Columns]] = {
    "samples": SampleColumns,
    "memory": MemoryColumns,
    "scores": ScoreColumns,
    "requests": RequestColumns,
    "chunks": ChunkColumns,
    "server_readings": ServerColumns,
    "operations": OperationColumns,
}
"""Attribute of ``BenchmarkResult``, and name of the folder of its files → the columns."""


def columns_of(table: type[Columns]) -> tuple[Column, ...]:
    """Return the columns of a table in their order."""
    return tuple(Column(each.name, **each.metadata) for each in fields(table))


def columns_of_file(table: type[Columns]) -> tuple[Column, ...]:
    """Return the columns of the Parquet files of a table in their order."""
    return CASE_ID, *columns_of(table), *RUN_COLUMNS


def _filled(part: Mapping[str, object], columns: Sequence[Column]) -> dict[str, NDArray[np.generic]]:
    """Return every column of a part as an array of its type and of the length of the others."""
    import numpy as np

    arrays = {each.name: np.asarray(_values(part, each), each.kind.dtype) for each in columns}
    rows = next((len(array) for array in arrays.values() if array.ndim), 1)
    return {name: array if array.ndim else np.full(rows, array) for name, array in arrays.items()}


def _values(part: Mapping[str, object], column: Column) -> object:
    return part[column.name] if column.missing is None else part.get(column.name, column.missing)

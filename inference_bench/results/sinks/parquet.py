"""``samples/*.parquet``, ``memory/*.parquet`` and ``scores/*.parquet``: one file a case, every raw observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, MemoryTimeline, RunRecord, Samples, Scores
from inference_bench.results.run_folder import TABLES, memory_file, samples_file, scores_file, write_atomically
from inference_bench.results.serialization import case_to_plain, plain
from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from inference_bench.plan import Case


class ParquetSink(Sink):
    """Writes the files of a case once, when it ends."""

    def begin(self, record: RunRecord) -> None:
        """Make the folders; a case that loses its data when measured again leaves a file to delete at the end."""
        self._stale: set[Path] = set()
        for name in TABLES:
            (self.folder / name).mkdir(exist_ok=True)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write the samples, the memory timeline and the scores of a case, where it has them."""
        metadata = _metadata(result.case, record)
        samples = None if result.samples is None else samples_table(result.samples, result.case, metadata)
        memory = None if result.memory is None else memory_table(result.memory, result.case, metadata)
        self._put(samples, self.folder / samples_file(result.case))
        scores = None if result.scores is None else scores_table(result.scores, result.case, metadata)
        self._put(memory, self.folder / memory_file(result.case))
        self._put(scores, self.folder / scores_file(result.case))

    def finish(self, record: RunRecord) -> None:
        """Delete what no result names any more; until now results.json may have named it."""
        for path in self._stale:
            path.unlink(missing_ok=True)

    def _put(self, table: pa.Table | None, path: Path) -> None:
        if table is None:
            self._stale.add(path)
            return
        write_atomically(path, _encode(table))
        self._stale.discard(path)


def samples_table(samples: Samples, case: Case, metadata: dict[str, str]) -> pa.Table:
    """Return the samples as a table; -1 becomes null, so that no average can swallow it."""
    return _table(
        {
            "case_id": _constant(case.id, len(samples)),
            "run": _integers(samples.run, "int32"),
            "iteration": _integers(samples.iteration, "int32"),
            "step": _integers(samples.step, "int32", missing=-1),
            "metric": _words(samples.metric),
            "phase": _words(samples.phase),
            "stage": _words(samples.stage),
            "start_ns": _integers(samples.start_ns, "int64", missing=-1),
            "value": _integers(samples.value, "int64"),
            "loader": _words(samples.loader, missing=""),
            "interference": _words(samples.interference, missing=""),
        },
        metadata,
    )


def memory_table(memory: MemoryTimeline, case: Case, metadata: dict[str, str]) -> pa.Table:
    """Return the sampler's timeline as a table; -1 becomes null."""
    return _table(
        {
            "case_id": _constant(case.id, len(memory)),
            "run": _integers(memory.run, "int32"),
            "time_ns": _integers(memory.time_ns, "int64"),
            "phase": _words(memory.phase),
            "rss_bytes": _integers(memory.rss_bytes, "int64"),
            "cgroup_bytes": _integers(memory.cgroup_bytes, "int64", missing=-1),
            "probe_cost_ns": _integers(memory.probe_cost_ns, "int64"),
        },
        metadata,
    )


def scores_table(scores: Scores, case: Case, metadata: dict[str, str]) -> pa.Table:
    """Return the items' scores as a table; an empty detail becomes null."""
    import pyarrow as pa

    return _table(
        {
            "case_id": _constant(case.id, len(scores)),
            "run": _integers(scores.run, "int32"),
            "task": _words(scores.task),
            "item": pa.array(scores.item.tolist(), pa.string()),
            "metric": _words(scores.metric),
            "value": pa.array(scores.value, pa.float64()),
            "weight": pa.array(scores.weight, pa.float64()),
            "detail": pa.array([text or None for text in scores.detail], pa.string()),
        },
        metadata,
    )


def _metadata(case: Case, record: RunRecord) -> dict[str, str]:
    """Return what makes a file meaningful when it has been copied out of its folder."""
    import orjson

    return {
        "inference_bench.schema_version": str(SCHEMA_VERSION),
        "inference_bench.run_id": plain(record.id),
        "inference_bench.case_id": case.id,
        "inference_bench.case": orjson.dumps(case_to_plain(case)).decode(),
        "inference_bench.clock": orjson.dumps(plain(record.clock)).decode(),
    }


def _table(columns: dict[str, Any], metadata: dict[str, str]) -> pa.Table:
    import pyarrow as pa

    return pa.table(columns).replace_schema_metadata(metadata)


def _constant(word: str, length: int) -> Any:
    """Return one word in every row: a few bytes a file, and ``samples/*.parquet`` reads as one table."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array([0] * length, pa.int32()), pa.array([word], pa.string()))


def _words(column: NDArray[Any], missing: str | None = None) -> Any:
    import pyarrow as pa

    mask = None if missing is None else column == missing
    return pa.array(column.astype(object), pa.string(), mask=mask).dictionary_encode()


def _integers(column: NDArray[Any], kind: str, missing: int | None = None) -> Any:
    import pyarrow as pa

    return pa.array(column, pa.type_for_alias(kind), mask=None if missing is None else column == missing)


def _encode(table: pa.Table) -> memoryview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return memoryview(buffer.getvalue())

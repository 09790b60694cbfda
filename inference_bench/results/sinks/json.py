"""``run.json`` and ``results.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.run_folder import RECORD, RESULTS, files_of
from inference_bench.results.serialization import record_to_plain, result_to_plain
from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class JsonSink(Sink):
    """Rewrites both files after each case; they are small, because they hold no samples."""

    def begin(self, record: RunRecord) -> None:
        """Write both files; entries that an earlier process of the same run wrote stay."""
        self._entries: dict[str, dict[str, object]] = {}
        path = self.folder / RESULTS
        if path.exists():
            import orjson

            self._entries = {entry["case"]["id"]: entry for entry in orjson.loads(path.read_bytes())["results"]}
        self._write(record)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Add or replace the entry of a case."""
        self._entries[result.case.id] = entry(result, files_of(result))
        self._write(record)

    def finish(self, record: RunRecord) -> None:
        """Write the final record."""
        self._write(record)

    def _write(self, record: RunRecord) -> None:
        # run.json comes last: it makes the folder a run, and never names a case that results.json lacks.
        write_atomically(self.folder / RESULTS, encode(results_document(record, self._entries.values())))
        write_atomically(self.folder / RECORD, encode({"schema_version": SCHEMA_VERSION, **record_to_plain(record)}))


def entry(result: BenchmarkResult, files: Mapping[str, str | None]) -> dict[str, object]:
    """Return the entry of one case in ``results.json``."""
    return {**result_to_plain(result), **files}


def results_document(record: RunRecord, entries: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return the content of ``results.json``."""
    return {"schema_version": SCHEMA_VERSION, "run": record.id, "results": list(entries)}


def encode(document: Mapping[str, object]) -> bytes:
    """Return a document as JSON, indented, because people read these files and compare them with ``diff``."""
    import orjson

    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

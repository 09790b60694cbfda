"""``run.json`` and ``results.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, RunRecord


class JsonSink(Sink):
    """Rewrites both files after each case; they are small, because they hold no samples."""

    def begin(self, record: RunRecord) -> None:
        """Write both files; entries that an earlier process of the same run wrote stay."""
        from inference_bench.results.results_document import entries_in

        self._entries = entries_in(self.folder)
        self.finish(record)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Add or replace the entry of a case."""
        from inference_bench.results.results_document import entry
        from inference_bench.results.run_folder import files_of

        self._entries[result.case.id] = entry(result, files_of(result))
        self.finish(record)

    def finish(self, record: RunRecord) -> None:
        """Write both files with the record as it is."""
        from inference_bench.results.results_document import write_documents

        write_documents(self.folder, record, self._entries.values())

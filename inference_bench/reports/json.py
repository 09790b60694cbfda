"""A report with the content of ``results.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class JsonReport(Report):
    """The content of the run's ``results.json``."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write one JSON document."""
        from inference_bench.results.results_document import encode, entry, results_document
        from inference_bench.results.run_folder import files_of

        entries = [entry(result, run.files.get(result.case.id) or files_of(result)) for result in run.results]
        stream.write(encode(results_document(run.record, entries)).decode())

"""A report with the content of ``results.json``."""

from __future__ import annotations

from typing import TextIO

from inference_bench.reports._report import Report
from inference_bench.results.run import Run
from inference_bench.results.run_folder import files_of
from inference_bench.results.sinks.json import encode, entry, results_document


class JsonReport(Report):
    """The content of the run's ``results.json``."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write one JSON document."""
        entries = [entry(result, run.files.get(result.case.id) or files_of(result)) for result in run.results]
        stream.write(encode(results_document(run.record, entries)).decode())

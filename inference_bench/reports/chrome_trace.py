"""A report as a Chrome trace: JSON for Perfetto and chrome://tracing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class ChromeTraceReport(Report):
    """What was measured when: each case a process; requests over client and server, or the samples of each metric."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write one JSON document."""
        import json

        from inference_bench.reports._trace_events import trace_events

        json.dump({"traceEvents": list(trace_events(run)), "displayTimeUnit": "ns"}, stream)
        stream.write("\n")

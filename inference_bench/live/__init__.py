"""Live profiling inside serving code, with the metrics, clock and schema of the benchmarks.

Importing this package imports no framework, no web server and no exporter.
"""

from __future__ import annotations

from inference_bench.live.profiler import Profiler
from inference_bench.live.requests import Request, current_request
from inference_bench.live.snapshot import Snapshot

__all__ = ["Profiler", "Request", "Snapshot", "current_request"]

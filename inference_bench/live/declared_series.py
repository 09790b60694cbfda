"""Every series that this package records, declared once: kind, unit, meaning, and its group in ``watch``.

Prometheus shows the meaning as HELP, OpenTelemetry as the description; units are UCUM codes, as OpenTelemetry writes
them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """One series.

    Attributes:
        kind: ``counter``, ``gauge`` or ``histogram``.
        name: name of the series; exporters add suffixes.
        unit: ``s``, ``By``, ``1`` for a share or a flag, or what is counted in braces, such as ``{token}``.
        meaning: one sentence that says what a value is, with its unit.
    """

    kind: str
    name: str
    unit: str
    meaning: str


def _exchange(protocol: str, pieces: str, unit: str, labels: str) -> tuple[Declared, ...]:
    """Return the series of a server's responses; ``pieces`` is ``byte`` or ``message``."""
    server = {"http": "HTTP", "grpc": "gRPC"}[protocol]
    histogram = f"of {server} responses, by {labels}, in seconds."
    return (
        Declared("counter", f"{protocol}_responses", "{response}", f"Ended {server} responses, by {labels}."),
        Declared(
            "counter", f"{protocol}_response_{pieces}s", unit, f"{pieces.title()}s of {server} responses, by {labels}."
        ),
        Declared("histogram", f"{protocol}_request", "s", f"Time from a request's arrival to the end {histogram}"),
        Declared(
            "histogram",
            f"{protocol}_first_{pieces}",
            "s",
            f"Time from a request's arrival to the first {pieces} {histogram}",
        ),
        Declared("histogram", f"{protocol}_gap", "s", f"Time between two {pieces}s handed to the server {histogram}"),
    )


REQUESTS = (
    Declared("counter", "requests", "{request}", "Requests that began, whether or not they are recorded in detail."),
    Declared("counter", "requests_sampled", "{request}", "Requests that are recorded in detail."),
    Declared("gauge", "requests_in_flight", "{request}", "Requests that have begun and not ended."),
    *_exchange("http", "byte", "By", "route, method and status"),
    *_exchange("grpc", "message", "{message}", "method and status code"),
)

MODEL = (
    Declared("histogram", "ttft", "s", "Time from the call of generate() to its first token, in seconds."),
    Declared("histogram", "itl", "s", "Time between two iterations of the decoding loop, in seconds."),
    Declared("histogram", "tpot", "s", "Time per output token after the first, one value per generation, in seconds."),
    Declared("histogram", "e2e", "s", "Time from the call of generate() to its last token, in seconds."),
    Declared("histogram", "gpu_prefill", "s", "GPU time from the call of generate() to its first token, in seconds."),
    Declared("histogram", "gpu_decode", "s", "GPU time from the first token of generate() to its last, in seconds."),
    Declared("histogram", "gpu_time", "s", "GPU time of one call of an instrumented module's forward(), in seconds."),
    Declared("counter", "generations", "{call}", "Calls of generate() that returned."),
    Declared("counter", "generations_failed", "{call}", "Calls of generate() that raised."),
    Declared("counter", "tokens_in", "{token}", "Tokens of prompts, padding included."),
    Declared("counter", "tokens_out", "{token}", "Tokens generated, padding included."),
    Declared("gauge", "batch_size", "{sequence}", "Sequences in the last generation."),
)

PROCESS = (
    Declared("histogram", "loop_lag", "s", "Delay of a regular call by the event loop, in seconds."),
    Declared("histogram", "gc_pause", "s", "Duration of a garbage collection, by generation, in seconds."),
    Declared("gauge", "rss_bytes", "By", "Memory of the process in RAM (RSS), in bytes."),
    Declared("gauge", "rss_peak_sampled_bytes", "By", "Largest RSS that the sampler saw, in bytes."),
    Declared("gauge", "rss_peak_hwm_bytes", "By", "Largest RSS since the process began, by the kernel, in bytes."),
)

EXPORTERS = (
    Declared("counter", "export_dropped_records", "{record}", "Span records that an exporter dropped, unsent."),
    Declared("counter", "export_failures", "{export}", "Exports that failed, by exporter."),
)

OWN = (
    Declared("histogram", "span", "s", "Duration of a span, by its name, in seconds."),
    Declared("counter", "mark", "{mark}", "Marks recorded, by name."),
    Declared("gauge", "profiler_running", "1", "1 while the profiler records, 0 while it does not."),
    Declared("counter", "profiler_records", "{record}", "Span and mark records made since the profiler's start."),
    Declared("counter", "profiler_lost_records", "{record}", "Records overwritten before they were read."),
    Declared("gauge", "profiler_duty", "1", "Share of one core that profiling takes, from 0 to 1."),
    Declared("gauge", "profiler_sample_every", "{request}", "One request in this many is recorded in detail."),
    Declared("gauge", "profiler_memory_bytes", "By", "Memory that the profiler holds, in bytes."),
)
"""Series that exporters add themselves."""

DECLARED = {(one.kind, one.name): one for one in (*REQUESTS, *MODEL, *PROCESS, *EXPORTERS, *OWN)}

GROUPS = {"requests": REQUESTS, "model": MODEL, "process": PROCESS, "profiler": EXPORTERS}
"""Series that ``watch`` shows together."""

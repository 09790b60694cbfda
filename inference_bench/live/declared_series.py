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


def _counter(name: str, unit: str, meaning: str) -> Declared:
    return Declared("counter", name, unit, meaning)


def _gauge(name: str, unit: str, meaning: str) -> Declared:
    return Declared("gauge", name, unit, meaning)


def _time(name: str, meaning: str) -> Declared:
    """Return a histogram of durations; ``meaning`` lacks the unit."""
    return Declared("histogram", name, "s", f"{meaning}, in seconds.")


def _exchange(protocol: str, server: str, piece: str, unit: str, labels: str) -> tuple[Declared, ...]:
    """Return the series of a server's responses; ``piece`` is what a response consists of."""
    responses = f"{server} responses, by {labels}"
    return (
        _counter(f"{protocol}_responses", "{response}", f"Ended {responses}."),
        _counter(f"{protocol}_response_{piece}s", unit, f"{piece.title()}s of {responses}."),
        _time(f"{protocol}_request", f"Time from a request's arrival to the end of {responses}"),
        _time(f"{protocol}_first_{piece}", f"Time from a request's arrival to the first {piece} of {responses}"),
        _time(f"{protocol}_gap", f"Time between two {piece}s handed to the server of {responses}"),
    )


REQUESTS = (
    _counter("requests", "{request}", "Requests that began, whether or not they are recorded in detail."),
    _counter("requests_sampled", "{request}", "Requests that are recorded in detail."),
    _gauge("requests_in_flight", "{request}", "Requests that have begun and not ended."),
    *_exchange("http", "HTTP", "byte", "By", "route, method and status"),
    *_exchange("grpc", "gRPC", "message", "{message}", "method and status code"),
)

MODEL = (
    _time("ttft", "Time from the call of generate() to its first token"),
    _time("itl", "Time between two iterations of the decoding loop"),
    _time("tpot", "Time per output token after the first, one value per generation"),
    _time("e2e", "Time from the call of generate() to its last token"),
    _time("gpu_prefill", "GPU time from the call of generate() to its first token"),
    _time("gpu_decode", "GPU time from the first token of generate() to its last"),
    _time("gpu_time", "GPU time of one call of an instrumented module's forward()"),
    _counter("generations", "{call}", "Calls of generate() that returned."),
    _counter("generations_failed", "{call}", "Calls of generate() that raised."),
    _counter("tokens_in", "{token}", "Tokens of prompts, padding included."),
    _counter("tokens_out", "{token}", "Tokens generated, padding included."),
    _gauge("batch_size", "{sequence}", "Sequences in the last generation."),
)

PROCESS = (
    _time("loop_lag", "Delay of a regular call by the event loop"),
    _time("gc_pause", "Duration of a garbage collection, by generation"),
    _gauge("rss_bytes", "By", "Memory of the process in RAM (RSS), in bytes."),
    _gauge("rss_peak_sampled_bytes", "By", "Largest RSS that the sampler saw, in bytes."),
    _gauge("rss_peak_hwm_bytes", "By", "Largest RSS since the process began, by the kernel, in bytes."),
)

EXPORTERS = (
    _counter("export_dropped_records", "{record}", "Span records that an exporter dropped, unsent."),
    _counter("export_failures", "{export}", "Exports that failed, by exporter."),
)

OWN = (
    _time("span", "Duration of a span, by its name"),
    _counter("mark", "{mark}", "Marks recorded, by name."),
    _gauge("profiler_running", "1", "1 while the profiler records, 0 while it does not."),
    _counter("profiler_records", "{record}", "Span and mark records made since the profiler's start."),
    _counter("profiler_lost_records", "{record}", "Records overwritten before they were read."),
    _gauge("profiler_duty", "1", "Share of one core that profiling takes, from 0 to 1."),
    _gauge("profiler_sample_every", "{request}", "One request in this many is recorded in detail."),
    _gauge("profiler_memory_bytes", "By", "Memory that the profiler holds, in bytes."),
)
"""Series that exporters add themselves."""

DECLARED = {(one.kind, one.name): one for one in (*REQUESTS, *MODEL, *PROCESS, *EXPORTERS, *OWN)}

GROUPS = {"requests": REQUESTS, "model": MODEL, "process": PROCESS, "profiler": EXPORTERS}
"""Series that ``watch`` shows together."""

"""The tools that a user would pick instead of ours, as candidates beside them. Those not installed are skipped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from bench.interleave import Candidate, Cost, time_interleaved


def _prometheus() -> Iterator[Candidate]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    histogram = Histogram("h", "h", registry=registry)
    counter = Counter("c", "c", registry=registry)
    yield Candidate("prometheus Histogram.time()", "with h.time(): pass", {"h": histogram}, calls=500)
    yield Candidate("prometheus Histogram.observe(x)", "h.observe(0.0123)", {"h": histogram}, calls=500)
    yield Candidate("prometheus Counter.inc()", "c.inc()", {"c": counter}, calls=500)


def _nvtx() -> Iterator[Candidate]:
    import nvtx

    domain = nvtx.get_domain("bench")
    attributes = domain.get_event_attributes(message="x")
    names = {"d": domain, "a": attributes}
    yield Candidate("nvtx.annotate, no tool", "with s: pass", {"s": nvtx.annotate("x")})
    yield Candidate("nvtx Domain push / pop, no tool", "d.push_range(a); d.pop_range()", names)


def _hdrhistogram() -> Iterator[Candidate]:
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram(1, 3_600_000_000, 3)
    yield Candidate("hdrhistogram record_value(n)", "h.record_value(12345678)", {"h": histogram}, calls=500)


def _ddsketch() -> Iterator[Candidate]:
    from ddsketch import DDSketch

    yield Candidate("ddsketch add(x)", "s.add(0.0123)", {"s": DDSketch()}, calls=500)


def _torch() -> Iterator[Candidate]:
    import torch

    fast = torch._C._profiler._RecordFunctionFast("x")
    record = torch.profiler.record_function
    yield Candidate("torch _RecordFunctionFast, not profiling", "with r: pass", {"r": fast})
    yield Candidate("torch record_function, not profiling", "with r('x'): pass", {"r": record}, calls=100)


def opentelemetry_provider() -> Any:
    """Return a provider of tracers that ends as in production, in a batch processor, but sends nothing."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    return provider


def _opentelemetry() -> Iterator[Candidate]:
    tracer = opentelemetry_provider().get_tracer("bench")
    yield Candidate("OpenTelemetry SDK span", "with t.start_as_current_span('x'): pass", {"t": tracer}, calls=60)


_INTERLEAVED = (_prometheus, _nvtx, _hdrhistogram, _ddsketch, _torch, _opentelemetry)


def _viztracer() -> dict[str, Cost]:
    from viztracer import VizTracer

    statement = "with t.log_event('x'): pass"
    tracer = VizTracer(verbose=0)
    return time_interleaved([Candidate("viztracer log_event, not tracing", statement, {"t": tracer}, calls=200)])


def _jax() -> dict[str, Cost]:
    import jax

    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0  # or every call of a Python function would be traced, ours too
    statement = "with t('x'): pass"
    names = {"t": jax.profiler.TraceAnnotation}
    idle = time_interleaved([Candidate("jax TraceAnnotation, no trace", statement, names, calls=500)])
    with tempfile.TemporaryDirectory() as folder:
        jax.profiler.start_trace(folder, profiler_options=options)
        try:
            # A trace keeps its records until it stops.
            tracing = [Candidate("jax TraceAnnotation in a trace", statement, names, calls=500)]
            return idle | time_interleaved(tracing)
        finally:
            jax.profiler.stop_trace()


# What changes the process for later measurements: a tracer that once began leaves every later call of a C function
# dearer. Timed after everything else, viztracer last of all.
_APART = (_jax, _viztracer)


def peers(missing: list[str]) -> Iterator[Candidate]:
    """Yield what the installed peers offer; append the names of the others to ``missing``."""
    for make in _INTERLEAVED:
        try:
            yield from make()
        except ImportError as error:
            missing.append(str(error.name))


def time_apart(missing: list[str]) -> dict[str, Cost]:
    """Time the peers that cannot take turns with the others; append the names of absent ones to ``missing``."""
    costs: dict[str, Cost] = {}
    for measure in _APART:
        try:
            costs |= measure()
        except ImportError as error:
            missing.append(str(error.name))
    return costs

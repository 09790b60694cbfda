"""Memory of the profiler itself, and of the process if a sampler is attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import UsageError
from inference_bench.live.flight_recorder import BATCH_RECORD_BYTES
from inference_bench.live.memory_gauges import AttachedMemory
from inference_bench.live.series import SeriesKey

if TYPE_CHECKING:
    from inference_bench._native import SpanRecorder
    from inference_bench.live.flight_recorder import FlightRecorder
    from inference_bench.live.series_book import SeriesBook

_RECORD_BYTES = 32 + 40 + 96 + BATCH_RECORD_BYTES
"""Largest memory per record that waits: in a chunk, shared by threads without one, begun and not ended, drained."""
_CHUNK_BYTES = 65_536
"""Heads of the chunks, and the fixed part of a batch."""


class MemoryAccount:
    """Adds up what recorder, flight recorder, histograms and an attached sampler hold.

    Attributes:
        attached: the sampler of the process's memory; None without one.
    """

    def __init__(self, recorder: SpanRecorder, flight: FlightRecorder, book: SeriesBook) -> None:
        self._recorder = recorder
        self._flight = flight
        self._book = book
        self.attached: AttachedMemory | None = None

    def attach(self, interval_ns: int) -> AttachedMemory:
        """Start the sampler, and reserve the names of its gauges.

        Raises:
            UsageError: it is attached already.
            InvalidValueError: a series has the name of one of its gauges.
        """
        if self.attached is not None:
            raise UsageError("memory is attached already: expected one sampler per profiler. Use that one.")
        for name in AttachedMemory.GAUGES:
            self._book.names.claim("memory gauge", name)
        self.attached = AttachedMemory(interval_ns)
        return self.attached

    def stop(self) -> None:
        """Stop the sampler."""
        if self.attached is not None:
            self.attached.stop()

    def restart_in_child(self) -> None:
        """Begin sampling anew in a forked child."""
        if self.attached is not None:
            self.attached.restart_in_child()

    def gauges(self) -> dict[SeriesKey, float]:
        """Return the gauges of the process's memory; none without a sampler."""
        if self.attached is None:
            return {}
        return {SeriesKey(name): value for name, value in self.attached.gauges().items()}

    @property
    def held_bytes(self) -> int:
        """Memory that is held now."""
        recorder = self._recorder.counts()["memory_bytes"]
        return recorder + self._flight.memory_bytes + self._book.memory_bytes + self._sampled_bytes

    @property
    def limit_bytes(self) -> int:
        """Largest memory that can be held."""
        waiting = self._recorder.capacity * _RECORD_BYTES + _CHUNK_BYTES
        return waiting + self._flight.limit_bytes + self._book.memory_limit_bytes + self._sampled_bytes

    @property
    def _sampled_bytes(self) -> int:
        return 0 if self.attached is None else self.attached.memory_bytes

"""A load on a server: what is asked for, and what became of each request."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inference_bench.endpoint.answer import Answer
from inference_bench.endpoint.arrivals import OPEN, SCENARIOS, Arrivals, planned
from inference_bench.endpoint.failure import FailureKind
from inference_bench.endpoint.join import JoinedRequest
from inference_bench.endpoint.server_readings import Reading
from inference_bench.endpoint.traces import read_trace
from inference_bench.errors import InvalidValueError, UnknownNameError

_WITH_ARGUMENT = {"gamma": "gamma:2, 2 the coefficient of variation", "ramp": "ramp:1, 1 the first rate"}
_TRACE = "trace"


@dataclass(frozen=True, slots=True)
class Load:
    """The load on a server.

    Attributes:
        scenario: one of ``arrivals.SCENARIOS``; with an argument ``gamma:VARIATION``, ``ramp:FIRST_RATE`` and
            ``trace:FILE``.
        requests: number of requests; of a trace at most.
        input_length: tokens per prompt.
        new_tokens: tokens to generate per request.
        rate: requests per second, for an open loop, of a ramp the last one; 0 if it has still to be found, and of a
            trace for its own.
        concurrency: number of clients, for ``concurrent``.
        prefix_cache: what the prompts have in common: ``unique``, ``shared=FRACTION`` or ``warm``; a server in this
            process is sent one prompt again and again, because it has no such cache.
        seed: seed of the schedule.
        timeout_s: seconds from its planned instant after which a request to an endpoint has failed.
    """

    scenario: str
    requests: int
    input_length: int
    new_tokens: int
    rate: float = 0.0
    concurrency: int = 1
    prefix_cache: str = "unique"
    seed: int = 0
    timeout_s: int = 600

    @property
    def kind(self) -> str:
        """The scenario without its argument."""
        return self.scenario.partition(":")[0]

    @property
    def is_open(self) -> bool:
        """Whether requests are sent by a schedule that does not wait for answers, and not all at once."""
        return self.kind in OPEN and self.kind != "offline"

    @property
    def needs_rate(self) -> bool:
        """Whether a rate has still to be found."""
        return self.is_open and not self.rate and self.trace is None

    @property
    def trace(self) -> str | None:
        """The file of the trace; None for another scenario."""
        return self.scenario.partition(":")[2] if self.kind == _TRACE else None

    def check(self) -> None:
        """Refuse a load that cannot be planned.

        Raises:
            UnknownNameError: no such scenario.
            InvalidValueError: a number outside of its limits, or a trace that cannot be read.
        """
        if self.kind not in SCENARIOS:
            raise UnknownNameError("scenario", self.scenario, SCENARIOS)
        if self.trace is None:
            self.arrivals()
        elif not self.trace:
            raise InvalidValueError("scenario", self.scenario, "trace:FILE")
        else:
            read_trace(self.trace, limit=self.requests)

    def arrivals(self) -> Arrivals:
        """Return when each request is planned; of a trace ``endpoint.replay`` knows.

        Raises:
            UnknownNameError: no such scenario.
            InvalidValueError: a number outside of its limits.
        """
        return planned(
            self.kind,
            self.requests,
            rate=self.rate or 1.0,
            first_rate=self._argument("ramp"),
            variation=self._argument("gamma"),
            concurrency=self.concurrency,
            seed=self.seed,
        )

    def _argument(self, kind: str) -> float:
        """Return the number after the colon; 0 for another scenario."""
        if self.kind != kind:
            return 0.0
        try:
            number = float(self.scenario.partition(":")[2])
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise InvalidValueError("scenario", self.scenario, _WITH_ARGUMENT[kind])
        return number


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """One request of a load, with what was asked and what became of it.

    Attributes:
        answer: its times, its pieces, or why it failed.
        asked_new_tokens: tokens that it asked for.
        asked_prompt_tokens: length that its prompt was made to have; None if unknown.
        connection: number of the connection that carried it, or None.
        id: value of its header ``X-Request-Id``; empty if it had none.
        broken: clauses of the workload contract that the answer broke.
        both_sides: the request as client and server saw it; None if the server does not tell.
    """

    answer: Answer
    asked_new_tokens: int
    asked_prompt_tokens: int | None = None
    connection: int | None = None
    id: str = ""
    broken: tuple[str, ...] = ()
    both_sides: JoinedRequest | None = None

    @property
    def is_ok(self) -> bool:
        """Whether it was answered with text: whatever failed has no latency."""
        return self.answer.failure is None and bool(self.answer.pieces)

    @property
    def was_cut_off(self) -> bool:
        """Whether the load was stopped before it had ended: it neither failed nor succeeded."""
        failure = self.answer.failure
        return failure is not None and failure.kind in (FailureKind.INTERRUPTED, FailureKind.UNSENT)

    @property
    def counts(self) -> bool:
        """Whether its times enter the figures: it was answered, with what was asked for."""
        return self.is_ok and not self.broken

    @property
    def lag_ns(self) -> int:
        """Time from the planned instant to the send."""
        return self.answer.sent_ns - self.answer.planned_ns

    @property
    def last_ns(self) -> int:
        """Arrival of the last text."""
        return self.answer.pieces[-1].time_ns

    @property
    def latency_ns(self) -> int:
        """Time from the planned instant to the last text."""
        return self.last_ns - self.answer.planned_ns


@dataclass(frozen=True, slots=True)
class ServedLoad:
    """A load that was carried out.

    Attributes:
        requests: in the order of the schedule.
        notes: what is to be known of it, one sentence each.
        client_limits: why the client and not the server set the pace, one sentence each; none if it did not.
        client_held_up: how long the client stood still without setting the pace; empty if hardly at all.
        client_cpu: CPU time of the client's thread over the time of the load; None without one of its own.
        interrupted: whether it was stopped before all requests had ended.
        server_readings: the server's own metrics meanwhile; none where it has no ``/metrics``.
    """

    requests: tuple[ServedRequest, ...]
    notes: tuple[str, ...] = ()
    client_limits: tuple[str, ...] = ()
    client_held_up: str = ""
    client_cpu: float | None = None
    interrupted: bool = False
    server_readings: tuple[Reading, ...] = ()

    @property
    def ended(self) -> tuple[ServedRequest, ...]:
        """The requests that the load's own end did not cut off."""
        return tuple(request for request in self.requests if not request.was_cut_off)


@dataclass(frozen=True, slots=True)
class Floor:
    """The same load on a server that does nothing but play tokens at fixed times.

    Attributes:
        load: what became of it.
        first_token_ns: when after the arrival of a request the server sends the first token.
        token_gap_ns: time between two tokens.
    """

    load: ServedLoad
    first_token_ns: int
    token_gap_ns: int

"""A load on a server: what is asked for, and what became of each request."""

from __future__ import annotations

from dataclasses import dataclass

from inference_bench.endpoint.answer import Answer
from inference_bench.endpoint.arrivals import Arrivals, planned


@dataclass(frozen=True, slots=True)
class Load:
    """The load on a server.

    Attributes:
        scenario: one of ``arrivals.SCENARIOS``.
        requests: number of requests.
        input_length: tokens per prompt.
        new_tokens: tokens to generate per request.
        rate: requests per second, for an open loop; of a ramp the last one.
        first_rate: requests per second at which a ramp begins.
        variation: coefficient of variation of the gaps, for ``gamma``.
        concurrency: number of clients, for ``concurrent``.
        prefix_cache: what the prompts have in common: ``unique``, ``shared=FRACTION`` or ``warm``; a server in this
            process is sent one prompt again and again, because it has no such cache.
        seed: seed of the schedule.
    """

    scenario: str
    requests: int
    input_length: int
    new_tokens: int
    rate: float = 1.0
    first_rate: float = 0.0
    variation: float = 1.0
    concurrency: int = 1
    prefix_cache: str = "unique"
    seed: int = 0

    def arrivals(self) -> Arrivals:
        """Return when each request is planned.

        Raises:
            UnknownNameError: no such scenario.
            InvalidValueError: a number outside of its limits.
        """
        return planned(
            self.scenario,
            self.requests,
            rate=self.rate,
            first_rate=self.first_rate,
            variation=self.variation,
            concurrency=self.concurrency,
            seed=self.seed,
        )


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
    """

    answer: Answer
    asked_new_tokens: int
    asked_prompt_tokens: int | None = None
    connection: int | None = None
    id: str = ""
    broken: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether it was answered with text: whatever failed has no latency."""
        return self.answer.failure is None and bool(self.answer.pieces)

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
    """

    requests: tuple[ServedRequest, ...]
    notes: tuple[str, ...] = ()
    client_limits: tuple[str, ...] = ()


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

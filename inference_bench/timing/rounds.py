"""Rounds of fresh processes: one of each subject per round, until every median is precise or a limit is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference_bench._native import now_ns
from inference_bench.orchestration.turn_order import turn_order
from inference_bench.timing.record import ProcessTimes, Record


class Subject(Protocol):
    """What is timed in fresh processes."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Values of parameters by name."""

    def measure(self) -> ProcessTimes:
        """Time it in one fresh process."""


@dataclass(frozen=True, slots=True)
class RoundLimits:
    """When to stop.

    Attributes:
        least: rounds at least.
        most: rounds at most.
        precision: wanted distance from each median to the ends of its interval, as a fraction.
        budget_ns: after ``least`` rounds, none begins once this has passed.
    """

    least: int
    most: int
    precision: float
    budget_ns: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """What was measured.

    Attributes:
        records: one per subject, in their order; without a process only if it was interrupted.
        interrupted: whether the user stopped it.
    """

    records: tuple[Record, ...]
    interrupted: bool


Watcher = Callable[[Record, int], None]
"""Is told of a record after each process, with the number of its round."""


def measure_rounds(subjects: Sequence[Subject], limits: RoundLimits, watcher: Watcher | None = None) -> Rounds:
    """Measure subjects in turn: A B, B A, A B …, each time in a fresh process.

    Neighbours in time share what the machine does meanwhile, so that it cancels in their ratio. Ctrl-C ends it with
    what was measured so far.

    Args:
        subjects: at least one.
        limits: when to stop.
        watcher: is told after each process.
    """
    records = tuple(Record(subject.name, parameters=subject.parameters) for subject in subjects)
    try:
        _measure(subjects, records, limits, watcher)
    except KeyboardInterrupt:
        for record in records:
            record.stop_reason = "interrupted"
        return Rounds(records, interrupted=True)
    return Rounds(records, interrupted=False)


def _measure(
    subjects: Sequence[Subject], records: Sequence[Record], limits: RoundLimits, watcher: Watcher | None
) -> None:
    began_ns = now_ns()
    for number, order in zip(range(limits.most), _orders(len(subjects)), strict=False):
        for place in order:
            records[place].processes[number] = subjects[place].measure()
            if watcher is not None:
                watcher(records[place], number)
        reason = _reason(records, limits, number + 1, now_ns() - began_ns)
        if reason:
            for record in records:
                record.converged = _is_precise(record, limits)
                record.stop_reason = "interval narrow enough" if record.converged else reason
            return


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    number = 0
    while True:
        yield turn_order(count, number) if count > 1 else (0,)
        number += 1


def _reason(records: Sequence[Record], limits: RoundLimits, rounds: int, elapsed_ns: int) -> str:
    """Return why no further round is measured; empty if one is."""
    if rounds >= limits.most:
        return f"limit of {limits.most} runs reached"
    if rounds < limits.least:
        return ""
    if elapsed_ns >= limits.budget_ns:
        return "time budget spent"
    return "interval narrow enough" if all(_is_precise(record, limits) for record in records) else ""


def _is_precise(record: Record, limits: RoundLimits) -> bool:
    half = record.half_width
    return half is not None and half <= limits.precision

"""The timed steps of a load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference_bench._native import now_ns


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One timed step of loading, on CLOCK_MONOTONIC_RAW."""

    name: str
    begin_ns: int
    end_ns: int


class LoadSteps:
    """Times the named steps of a load.

    Args:
        wait: blocks until it is the model's turn; None if it need not wait.
        clock: returns nanoseconds; a test may give ``testing.FakeClock``.
    """

    def __init__(self, wait: Callable[[], None] | None = None, clock: Callable[[], int] = now_ns) -> None:
        self.steps: list[LoadStep] = []
        self.wait = wait
        self._clock = clock

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a ``with`` block under this name."""
        begin_ns = self._clock()
        yield
        self.steps.append(LoadStep(name, begin_ns, self._clock()))

    def park(self) -> None:
        """Mark the point after which the device is used; a model that loads ahead waits here for its turn."""
        if self.wait is not None:
            with self.step("park"):
                self.wait()

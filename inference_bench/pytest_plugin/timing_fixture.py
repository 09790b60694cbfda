"""What a test gets as the fixture ``inference_bench``."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import TypeVar, Unpack, overload

import pytest

from inference_bench.errors import UsageError
from inference_bench.timing.timer import Timer, TimerOptions
from inference_bench.timing.timing import Timing

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Use:
    """One timed function of a test."""

    timing: Timing[object]
    group: str


@dataclass(frozen=True, slots=True)
class TimingFixture:
    """Times functions: ``inference_bench(function, *args, **kwargs)`` returns the result of the last call.

    Attributes:
        timer: the options of the timing.
        enabled: False with ``--ib-disable``: functions are called once and not timed.
        group: heading of the table that the timed functions of this fixture belong to; empty for none.
        extra_info: facts by name that ``--ib-save`` stores with the test, such as the size of an input.
        uses: what was timed in this test, in order.
    """

    timer: Timer = field(default_factory=Timer)
    enabled: bool = True
    group: str = ""
    extra_info: dict[str, object] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)

    @overload
    def __call__(
        self, function: Callable[..., Coroutine[object, object, R]], /, *args: object, **kwargs: object
    ) -> R: ...

    @overload
    def __call__(self, function: Callable[..., R], /, *args: object, **kwargs: object) -> R: ...

    def __call__(self, function: Callable[..., object], /, *args: object, **kwargs: object) -> object:
        """Call the function until its median is precise, and return the result of the last call.

        A coroutine function is awaited. An exception of the function ends the timing and is raised. Each further use
        in a test is a row of its own.

        Raises:
            UsageError: the call returns a generator or awaitable that nothing has run.
        """
        if not self.enabled:
            return self.timer.once(function, *args, **kwargs)
        timing = self.timer(function, *args, **kwargs)
        self.uses.append(Use(timing, self.group))
        return timing.returned

    def with_options(self, *, group: str | None = None, **options: Unpack[TimerOptions]) -> TimingFixture:
        """Return the fixture with other options, for one use: ``inference_bench.with_options(setup=make)(sort)``.

        Args:
            group: heading of the table that the function belongs to.
            options: those of ``inference_bench.time.with_options``.
        """
        timer = self.timer.with_options(**options)
        return replace(self, timer=timer, group=self.group if group is None else group)

    @property
    def result(self) -> Timing[object]:
        """The last timing; with ``--ib-disable`` the test is skipped here, since there is none.

        Raises:
            UsageError: nothing was timed yet.
        """
        if not self.enabled:
            pytest.skip("--ib-disable: nothing was timed")
        if not self.uses:
            raise UsageError("result: nothing was timed yet, expected a use first: inference_bench(function).")
        return self.uses[-1].timing

    @property
    def results(self) -> list[Timing[object]]:
        """All timings of this test, in order; none with ``--ib-disable``."""
        return [use.timing for use in self.uses]

    @property
    def plain_info(self) -> dict[str, object]:
        """``extra_info`` as plain data: what JSON cannot hold is stored as its text."""
        return {str(name): _plain(value) for name, value in self.extra_info.items()}


def _plain(value: object) -> object:
    try:
        return json.loads(json.dumps(value, default=str), parse_constant=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)

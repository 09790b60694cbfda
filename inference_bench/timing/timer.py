"""Time a function from a program or a notebook.

    import inference_bench

    inference_bench.time(tokenizer.encode, "The quick brown fox")
    inference_bench.time.with_options(setup=shuffled, budget_s=5)(sorted)

All arguments after the function are the function's own, so the options of the timing have a place of their own:
``with_options`` returns a timer that has them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypedDict, TypeVar, Unpack, cast, overload

import numpy as np

from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.benchmark.function_calls import Prepare, is_coroutine_function, time_awaits, time_function
from inference_bench.benchmark.lazy_results import refuse_lazy_result
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.result import Stage
from inference_bench.spec import Limits
from inference_bench.timing.floor import METRIC, floor_ns, off_the_loop
from inference_bench.timing.terminal_progress import terminal_progress
from inference_bench.timing.timing import Timing
from inference_bench.units import NS_PER_S

R = TypeVar("R")

Setup = Callable[[], object]


class TimerOptions(TypedDict, total=False):
    """The options of a timer, as ``Timer`` describes them."""

    budget_s: float
    precision: float
    min_calls: int
    max_calls: int
    warmup: int
    setup: Setup | None
    progress: bool | None


@dataclass(frozen=True, slots=True)
class Timer:
    """Times functions in this process: ``timer(function, *args, **kwargs)`` returns a ``Timing``.

    Attributes:
        budget_s: longest time to measure, in seconds, after the first call and the warm-up.
        precision: wanted distance from the median to each end of its 95 % interval, as a fraction of the median.
        min_calls: measured calls at least, unless the budget ends first.
        max_calls: measured calls at most, give or take the last block of fast ones.
        warmup: calls after the first one that are not counted.
        setup: called before each call, untimed. What it returns are the first arguments of the call: a tuple is
            several, None is none, anything else is one. For a coroutine function it may be one, too.
        progress: show one line while it takes long; None for only on a terminal.

    Raises:
        InvalidValueError: a value that is not allowed.
    """

    budget_s: float = 2.0
    precision: float = 0.01
    min_calls: int = 30
    max_calls: int = 100_000
    warmup: int = 2
    setup: Setup | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        if not 0 < self.budget_s < float("inf"):
            raise InvalidValueError("budget_s", self.budget_s, "seconds, more than zero")
        if not 0 < self.precision < 0.5:
            raise InvalidValueError("precision", self.precision, "a fraction between 0 and 0.5, such as 0.01")
        if self.setup is not None and not callable(self.setup):
            raise InvalidValueError("setup", self.setup, "a function that returns the arguments of the next call")

    def with_options(self, **options: Unpack[TimerOptions]) -> Timer:
        """Return a timer with other options; those not given stay.

        Raises:
            InvalidValueError: a value that is not allowed.
            TypeError: an unknown option.
        """
        return replace(self, **options)

    @overload
    def __call__(
        self, function: Callable[..., Coroutine[object, object, R]], /, *args: object, **kwargs: object
    ) -> Timing[R]: ...

    @overload
    def __call__(self, function: Callable[..., R], /, *args: object, **kwargs: object) -> Timing[R]: ...

    def __call__(self, function: Callable[..., object], /, *args: object, **kwargs: object) -> Timing[Any]:
        """Call a function until its median is precise, or the budget is spent.

        A coroutine function is awaited on an event loop of its own, in a thread of its own if this thread runs a loop
        already, as a notebook does; ``awaited`` times it on the running loop. An exception of the function ends the
        timing and is raised.

        Args:
            function: a function or coroutine function.
            args: its positional arguments, after those that ``setup`` returns.
            kwargs: its keyword arguments.

        Raises:
            UsageError: it is no function, or returns a generator or awaitable that nothing has run.
        """
        awaits = self._checked(function)
        call, prepare = _bound(function, kwargs), self._prepare(args)
        with terminal_progress(_name(function), self.progress) as show:
            measurement = Measurement(self._limits, show)
            work = functools.partial(time_function, measurement, METRIC, call, args, prepare)
            returned = off_the_loop(work) if awaits else work()
        return _timing(function, measurement, returned, floor_ns(awaits=awaits, keywords=bool(kwargs)))

    async def awaited(
        self, function: Callable[..., Coroutine[object, object, R]], /, *args: object, **kwargs: object
    ) -> Timing[R]:
        """Time a coroutine function on the running event loop, for what belongs to that loop, such as a connection.

        Raises:
            UsageError: it is no coroutine function.
        """
        if not self._checked(function):
            raise UsageError(f"awaited: got {_name(function)}, expected a coroutine function (async def). Use time(…).")
        call, prepare = _bound(function, kwargs), self._prepare(args)
        with terminal_progress(_name(function), self.progress) as show:
            measurement = Measurement(self._limits, show)
            returned = await time_awaits(measurement, METRIC, call, args, prepare)
        return _timing(function, measurement, cast("R", returned), floor_ns(awaits=True, keywords=bool(kwargs)))

    def once(self, function: Callable[..., object], /, *args: object, **kwargs: object) -> object:
        """Call a function once, with the arguments of ``setup``, without timing it, and return what it returns.

        Raises:
            UsageError: as for a timing.
        """
        awaits = self._checked(function)
        call, prepare = _bound(function, kwargs), self._prepare(args)

        async def awaited() -> object:
            given = prepare() if prepare else args
            arguments = await given if isinstance(given, Awaitable) else given
            return await cast("Awaitable[object]", call(*arguments))

        if awaits:
            returned = off_the_loop(lambda: asyncio.run(awaited()))
        else:
            returned = call(*cast("tuple[object, ...]", prepare() if prepare else args))
        refuse_lazy_result(function, returned)
        return returned

    def _checked(self, function: Callable[..., object]) -> bool:
        """Return whether a function is to be awaited, or refuse it."""
        if not callable(function):
            raise UsageError(
                f"time: got {function!r:.60}, expected a function and its arguments: time(f, x), not time(f(x)). "
                "Source text is timed by `python -m inference_bench time CODE`."
            )
        awaits = is_coroutine_function(function)
        if self.setup is not None and is_coroutine_function(self.setup) and not awaits:
            raise UsageError("setup: got a coroutine function, expected a plain one, as the timed function is.")
        return awaits

    def _prepare(self, args: tuple[object, ...]) -> Prepare | None:
        """Return what makes the positional arguments of the next call; None without a set-up."""
        setup = self.setup
        if setup is None:
            return None
        if not is_coroutine_function(setup):
            return lambda: (*_arguments(setup()), *args)

        async def prepare() -> tuple[object, ...]:
            return (*_arguments(await cast("Awaitable[object]", setup())), *args)

        return prepare

    @property
    def _limits(self) -> Limits:
        return Limits(
            min_samples=self.min_calls,
            max_samples=self.max_calls,
            warmup_iterations=self.warmup,
            relative_width=2 * self.precision,
            budget_ns=max(1, round(self.budget_s * NS_PER_S)),
        )


def _arguments(made: object) -> tuple[object, ...]:
    if made is None:
        return ()
    return made if isinstance(made, tuple) else (made,)


def _bound(function: Callable[..., object], kwargs: dict[str, object]) -> Callable[..., object]:
    return functools.partial(function, **kwargs) if kwargs else function


def _name(function: object) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__).replace("<locals>.", "")


def _timing(function: object, measurement: Measurement, returned: R, floor: float) -> Timing[R]:
    columns = measurement.columns()
    stages, values = np.array(columns["stage"]), np.array(columns["value"], dtype=np.int64)
    measured, cold = values[stages == Stage.MEASURED.value], values[stages == Stage.COLD.value]
    samples = MetricSamples(METRIC, "", measured, np.zeros(len(measured), np.int32), cold=float(cold[0]))
    decision = measurement.decision
    summary = summarise(samples, converged=decision.converged, stop_reason=decision.reason)
    return Timing(_name(function), summary, measured, returned, floor, tuple(measurement.notes))


time = Timer()
"""The timer with the default options."""

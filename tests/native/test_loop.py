from __future__ import annotations

import _thread
import functools
import threading

import numpy as np
import pytest

from inference_bench._native import loop, now_ns


def ns(column: memoryview) -> np.ndarray:
    return np.frombuffer(column, dtype=np.int64)


class Calls:
    """Counts its calls, and raises at one of them."""

    def __init__(self, raise_at: int | None = None, error: type[BaseException] = ValueError) -> None:
        self.made = 0
        self.raise_at, self.error = raise_at, error

    def __call__(self, *args: object) -> object:
        self.made += 1
        self.args = args
        if self.made == self.raise_at:
            raise self.error("asked for")
        return object()


@pytest.mark.parametrize("each", [True, False])
def test_makes_exactly_the_calls_asked_for(each: bool) -> None:
    calls = Calls()
    times = loop(calls, 10, warmup=3, each=each, args=(1, "two"))
    assert (calls.made, calls.args, times.calls) == (13, (1, "two"), 10)
    assert len(times.duration_ns) == len(times.begin_ns) == (10 if each else 1)
    assert len(times.warmup_duration_ns) == 3


def test_samples_lie_one_after_the_other_on_the_native_clock() -> None:
    before = now_ns()
    times = loop(Calls(), 1000)
    after = now_ns()
    begin, duration = ns(times.begin_ns), ns(times.duration_ns)
    assert begin.dtype == duration.dtype == np.int64
    assert before <= begin[0]
    assert (duration > 0).all()
    assert (begin[:-1] + duration[:-1] <= begin[1:]).all()
    assert begin[-1] + duration[-1] <= after + 1  # two roundings


@pytest.mark.parametrize("each", [True, False])
def test_the_floor_is_what_doing_nothing_reads_as(each: bool) -> None:
    before = now_ns()
    floor_ns = loop(len, 5, args=((),), each=each).floor_ns
    elapsed_ns = now_ns() - before
    # The floor comes from 255 calls: their mean, or a median that half of them reach.
    assert 0 <= floor_ns * (128 if each else 255) <= elapsed_ns + 255


def test_columns_outlive_the_result() -> None:
    column = loop(Calls(), 3).duration_ns
    assert len(column) == 3
    assert column.readonly
    assert column.format == "q"


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize(
    ("raise_at", "returned"), [(1, "0 of 5 warm-up calls"), (6, "0 of 7 calls"), (12, "6 of 7 calls")]
)
def test_an_exception_propagates_with_the_number_of_calls(each: bool, raise_at: int, returned: str) -> None:
    calls = Calls(raise_at)
    with pytest.raises(ValueError, match="asked for") as caught:
        loop(calls, 7, warmup=5, each=each)
    assert calls.made == raise_at
    assert caught.value.__notes__ == [f"inference_bench: {returned} had returned"]
    assert [entry.name for entry in caught.traceback][-1] == "__call__"


def test_an_exception_that_takes_no_note_still_propagates() -> None:
    class StubbornError(Exception):
        def add_note(self, _note: str) -> None:
            raise TypeError

    with pytest.raises(StubbornError):
        loop(Calls(2, StubbornError), 3)


@pytest.mark.parametrize("each", [True, False])
def test_a_signal_stops_a_loop_of_c_functions(each: bool) -> None:
    """Nothing but the loop itself looks for the signal."""
    with pytest.raises(KeyboardInterrupt) as caught:
        loop(_thread.interrupt_main, 1000, each=each)
    assert caught.value.__notes__ == ["inference_bench: 1 of 1000 calls had returned"]


def test_an_interrupt_at_the_last_call_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt):
        loop(_thread.interrupt_main, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be from 1 to 268435456; given 0"),
        ({"n": -5}, "given -5"),
        ({"n": 2**40}, "given 1099511627776"),
        ({"n": 0, "each": False}, "n must be from 1 to 9223372036854775807; given 0"),
        ({"n": 1, "warmup": -1}, "warmup must be from 0 to 268435456; given -1"),
    ],
)
def test_impossible_counts_are_refused_before_any_call(arguments: dict[str, int], message: str) -> None:
    calls = Calls()
    with pytest.raises(ValueError, match=message):
        loop(calls, arguments.pop("n"), **arguments)  # type: ignore[arg-type]
    assert calls.made == 0


def test_what_is_no_callable_is_refused() -> None:
    with pytest.raises(TypeError, match="times a callable; given 5"):
        loop(5, 1)  # type: ignore[arg-type]
    for n in (1.5, 2**63, "1"):
        with pytest.raises(TypeError):
            loop(len, n)  # type: ignore[arg-type]


def test_any_callable_will_do() -> None:
    for callable in (lambda: None, functools.partial(max, 1, 2), dict, Calls().__call__):
        assert loop(callable, 2).calls == 2


def test_loops_nest_and_run_in_threads() -> None:
    def inner() -> None:
        loop(len, 10, args=((),))

    threads = [threading.Thread(target=loop, args=(inner, 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

from __future__ import annotations

import array
import asyncio
import gc
import math
import os
import select
import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench import _native
from inference_bench._native import Pacer

HOUR_NS = 3_600_000_000_000
YEAR_NS = 366 * 86_400 * 10**9


def columns(pacer: Pacer) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in pacer.columns().items()}


def check_complete(pacer: Pacer) -> None:
    """Every tick was handed out once, none early, and the columns agree with one another and with the schedule."""
    c = columns(pacer)
    assert c["index"].tolist() == list(range(len(pacer)))
    assert np.all(c["scheduled_ns"] == pacer.start_ns + np.asarray(pacer.schedule()))
    assert np.all(c["scheduled_ns"] <= c["woken_ns"])
    assert np.all(c["woken_ns"] <= c["actual_ns"])
    assert np.all(c["lag_ns"] == c["actual_ns"] - c["scheduled_ns"])


# ---- schedules


@given(st.lists(st.integers(0, YEAR_NS), min_size=1).map(sorted))
def test_a_trace_is_kept_as_given(offsets: list[int]):
    assert Pacer.trace(offsets).schedule().tolist() == offsets
    assert Pacer.trace(array.array("q", offsets)).schedule().tolist() == offsets
    assert Pacer.trace(np.repeat(np.array(offsets), 2)[::2]).schedule().tolist() == offsets


@given(st.floats(1e-3, 1e9), st.integers(1, 2_000))
def test_a_constant_schedule_neither_gains_nor_loses(rate: float, count: int):
    schedule = np.asarray(Pacer.constant(rate, count).schedule())
    expected = np.arange(1, count + 1) * (1e9 / rate)
    assert np.all(np.abs(schedule - expected) <= 1 + expected * 1e-15)


def mt19937_64(seed: int, n: int) -> list[int]:
    """The generator as its authors publish it (Nishimura and Matsumoto, 2004), apart from the seeding loop's layout."""
    mask = 2**64 - 1
    state = [seed]
    for i in range(1, 312):
        state.append((6364136223846793005 * (state[-1] ^ (state[-1] >> 62)) + i) & mask)
    out = []
    while len(out) < n:
        for i in range(312):
            x = (state[i] & 0xFFFFFFFF80000000) | (state[(i + 1) % 312] & 0x7FFFFFFF)
            state[i] = state[(i + 156) % 312] ^ (x >> 1) ^ (0xB5026F5AA96619E9 if x & 1 else 0)
        for x in state:
            x ^= (x >> 29) & 0x5555555555555555
            x ^= (x << 17) & 0x71D67FFFEDA60000
            x ^= (x << 37) & 0xFFF7EEE000000000
            out.append((x ^ (x >> 43)) & mask)
    return out[:n]


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_a_poisson_schedule_can_be_computed_elsewhere_from_its_description(seed: int):
    gaps = [-math.log1p(-((x >> 11) * 2.0**-53)) * 1e6 for x in mt19937_64(seed, 1_000)]
    schedule = np.asarray(Pacer.poisson(1_000, 1_000, seed=seed).schedule())
    assert np.all(np.abs(schedule - np.cumsum(gaps)) <= 2)


@settings(max_examples=30)
@given(st.floats(0.2, 100), st.integers(0, 2**64 - 1))
def test_a_gamma_schedule_has_its_rate_and_its_spread(shape: float, seed: int):
    schedule = np.asarray(Pacer.gamma(1e6, 50_000, shape=shape, seed=seed).schedule())
    gaps = np.diff(schedule, prepend=0)
    assert gaps.min() >= 0
    assert gaps.mean() == pytest.approx(1_000, rel=0.1)
    assert gaps.std() == pytest.approx(1_000 / math.sqrt(shape), rel=0.2)


def test_gamma_gaps_follow_the_gamma_distribution():
    stats = pytest.importorskip("scipy.stats")
    for shape in (0.3, 1.0, 5.0):
        gaps = np.diff(np.asarray(Pacer.gamma(1, 20_000, shape=shape, seed=5).schedule()), prepend=0) / 1e9
        assert stats.kstest(gaps, "gamma", args=(shape, 0, 1 / shape)).pvalue > 1e-3


def test_the_description_says_how_to_make_it_again():
    assert Pacer.constant(2, 4).describe() == {
        "kind": "constant",
        "count": 4,
        "duration_ns": 2_000_000_000,
        "rate": 2.0,
    }
    gamma = Pacer.gamma(2, 4, shape=0.5, seed=2**64 - 1).describe()
    assert (gamma["shape"], gamma["seed"], gamma["generator"]) == (0.5, 2**64 - 1, "mt19937_64")
    assert Pacer.trace([5]).describe() == {"kind": "trace", "count": 1, "duration_ns": 5}
    assert len(Pacer.trace([5, 6])) == 2


def test_the_schedule_outlives_the_pacer():
    schedule = Pacer.trace([1, 2, 3]).schedule()
    gc.collect()
    assert schedule.readonly
    assert schedule.tolist() == [1, 2, 3]


# ---- waiting


@pytest.mark.parametrize("spin", [0, 100_000])
def test_every_tick_comes_once_and_none_early(spin: int):
    pacer = Pacer.poisson(5_000, 200, seed=1, longest_spin_ns=spin)
    assert pacer.start_ns is None
    assert not pacer.done
    assert list(pacer) == list(range(200))
    assert pacer.done
    assert pacer.wait() is None
    check_complete(pacer)


def test_a_late_caller_gets_every_tick_and_sees_the_lag():
    pacer = Pacer.trace([0] * 100)
    pacer.start()
    begin = _native.now_ns()
    assert sum(1 for _ in pacer) == 100
    lag = columns(pacer)["lag_ns"]
    assert lag.min() >= begin - pacer.start_ns
    check_complete(pacer)


def test_columns_fill_as_ticks_are_handed_out():
    pacer = Pacer.trace([0, 0, HOUR_NS])
    assert columns(pacer)["index"].tolist() == []
    pacer.wait()
    assert columns(pacer)["index"].tolist() == [0]
    pacer.wait()
    assert {column.format for column in pacer.columns().values()} == {"q"}
    assert [*pacer.columns()] == ["index", "scheduled_ns", "woken_ns", "actual_ns", "lag_ns"]
    assert columns(pacer)["index"].tolist() == [0, 1]


def test_threads_share_the_ticks():
    pacer = Pacer.poisson(20_000, 1_000, seed=3)
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.extend(pacer)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(1_000))
    check_complete(pacer)


@pytest.mark.parametrize("end", [Pacer.stop, Pacer.close])
def test_another_thread_may_end_a_wait(end):
    pacer = Pacer.trace([0, HOUR_NS])
    assert pacer.wait() == 0
    got = []
    waiter = threading.Thread(target=lambda: got.append(pacer.wait()))
    waiter.start()
    end(pacer)
    waiter.join()
    assert got == [None]
    assert pacer.done
    assert pacer.wait() is None
    assert list(pacer) == []
    pacer.stop()
    assert columns(pacer)["index"].tolist() == [0]


def test_other_threads_run_while_one_waits():
    pacer = Pacer.trace([HOUR_NS])
    waiter = threading.Thread(target=pacer.wait)
    waiter.start()
    while pacer.start_ns is None:  # would never end if wait() kept the GIL
        pass
    pacer.stop()
    waiter.join()


def test_a_signal_handler_runs_during_a_wait_and_its_exception_costs_no_tick():
    pacer = Pacer.trace([50_000_000, 50_000_001])

    def interrupt(*_: object) -> None:
        raise KeyError("handled")

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        pacer.start()
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        with pytest.raises(KeyError, match="handled"):
            pacer.wait()
        assert not pacer.done
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert list(pacer) == [0, 1]
    check_complete(pacer)


def test_a_signal_without_an_exception_is_waited_through():
    seen = []
    previous = signal.signal(signal.SIGALRM, lambda *_: seen.append(_native.now_ns()))
    try:
        pacer = Pacer.trace([50_000_000])
        pacer.start()
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        assert pacer.wait() == 0
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert len(seen) == 1
    check_complete(pacer)


# ---- eventfd


def test_asyncio_takes_every_tick_once():
    async def main() -> tuple[Pacer, list[int]]:
        got: list[int] = []
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        with Pacer.poisson(5_000, 500, seed=4) as pacer:

            def on_due() -> None:
                got.extend(pacer.take())
                if pacer.done:
                    over.set_result(None)

            descriptor = pacer.open_eventfd()
            loop.add_reader(descriptor, on_due)
            await over
            loop.remove_reader(descriptor)
        return pacer, got

    pacer, got = asyncio.run(main())
    assert got == list(range(500))
    check_complete(pacer)


def test_a_burst_is_taken_at_once():
    with Pacer.trace([0] * 1_000) as pacer:
        select.select([pacer.open_eventfd()], [], [], 60)
        assert pacer.take() == range(1_000)
        assert pacer.take() == range(1_000, 1_000)
        assert pacer.done


def test_an_eventfd_that_was_made_blocking_and_read_before_does_not_block_take():
    with _native.Pacer.trace([0, 0]) as pacer:
        descriptor = pacer.open_eventfd()
        os.set_blocking(descriptor, True)
        os.eventfd_read(descriptor)
        assert pacer.take() == range(2)
        assert pacer.take() == range(2, 2)


def test_a_stop_makes_the_eventfd_readable():
    with Pacer.trace([HOUR_NS]) as pacer:
        descriptor = pacer.open_eventfd()
        assert not os.get_inheritable(descriptor)
        assert select.select([descriptor], [], [], 0)[0] == []
        threading.Thread(target=pacer.stop).start()
        assert select.select([descriptor], [], [], 60)[0] == [descriptor]
        assert list(pacer.take()) == []
        assert pacer.done


def test_descriptors_are_given_back():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with Pacer.trace([HOUR_NS]) as pacer:
            pacer.open_eventfd()
        pacer = Pacer.trace([HOUR_NS])
        pacer.open_eventfd()
    del pacer
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_one_pacer_is_used_in_one_way():
    with Pacer.trace([0]) as pacer:
        pacer.open_eventfd()
        with pytest.raises(RuntimeError, match=r"eventfd: take\(\)"):
            pacer.wait()
        with pytest.raises(RuntimeError, match=r"eventfd: take\(\)"):
            next(pacer)
        with pytest.raises(RuntimeError, match="started already"):
            pacer.start()
    waiting = Pacer.trace([0])
    waiting.wait()
    with pytest.raises(RuntimeError, match="started already"):
        waiting.open_eventfd()
    with pytest.raises(RuntimeError, match=r"no open eventfd.*wait\(\)"):
        waiting.take()


def test_a_closed_pacer_is_over():
    pacer = Pacer.trace([0])
    pacer.open_eventfd()
    pacer.close()
    pacer.close()
    assert pacer.wait() is None
    with pytest.raises(RuntimeError, match="no open eventfd"):
        pacer.take()
    with pytest.raises(RuntimeError, match="was stopped"):
        pacer.start()
    with pytest.raises(RuntimeError, match="was stopped"):
        pacer.open_eventfd()


# ---- refusals


@pytest.mark.parametrize("rate", [0, -0.0, -1, math.nan, math.inf, -math.inf, 1.1e9, 10**400])
def test_a_rate_must_be_possible(rate: float):
    for make in (
        lambda: Pacer.constant(rate, 1),
        lambda: Pacer.poisson(rate, 1, seed=0),
        lambda: Pacer.gamma(rate, 1, shape=1, seed=0),
    ):
        with pytest.raises(ValueError, match=r"rate must (be above 0 and at most 1e\+09|fit a double).*given"):
            make()


@pytest.mark.parametrize("shape", [0, -1, math.nan, math.inf, 1e-3, 1e7])
def test_a_shape_must_be_possible(shape: float):
    with pytest.raises(ValueError, match=r"shape must be from 0.01 to 1e\+06; given"):
        Pacer.gamma(1, 1, shape=shape, seed=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pacer.constant(1, 0), "count must be from 1 to 100000000 ticks; given 0"),
        (lambda: Pacer.constant(1, -1), "count must be from 1"),
        (lambda: Pacer.constant(1, 2**62), "count must be from 1"),
        (lambda: Pacer.constant(1, 2**63), "count must fit a signed 64-bit integer; given 9223372036854775808"),
        (lambda: Pacer.constant(1e-9, 1), "longer than 366 days"),
        (lambda: Pacer.poisson(5e-324, 1, seed=0), "longer than 366 days"),
        (lambda: Pacer.poisson(1, 1, seed=-1), "seed must fit an unsigned 64-bit integer; given -1"),
        (lambda: Pacer.poisson(1, 1, seed=2**64), "seed must fit"),
        (lambda: Pacer.trace([]), "offsets_ns must be from 1 to 100000000 ticks long; given 0"),
        (lambda: Pacer.trace([0, -1]), r"offsets_ns\[1\] must be from 0 to 31622400000000000 .*; given -1"),
        (lambda: Pacer.trace([5, 9, 8]), r"offsets_ns\[2\] must be at least the 9 before it; given 8"),
        (lambda: Pacer.trace([2**63]), r"offsets_ns\[0\] must fit a signed 64-bit integer; given 9223372036854775808"),
        (lambda: Pacer.trace([2**63 - 1]), r"offsets_ns\[0\] must be from 0 to"),
        (lambda: Pacer.constant(1, 1, longest_spin_ns=-1), "longest_spin_ns must be from 0 to 1000000; given -1"),
        (lambda: Pacer.constant(1, 1, longest_spin_ns=2**63), "longest_spin_ns must fit"),
    ],
)
def test_values_out_of_range_say_what_is_allowed(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pacer(),
        lambda: Pacer.__new__(Pacer),
        lambda: Pacer.constant("fast", 1),
        lambda: Pacer.constant(1, 1.5),
        lambda: Pacer.poisson(1, 1),
        lambda: Pacer.poisson(1, 1, seed=None),
        lambda: Pacer.trace(5),
        lambda: Pacer.trace([1.5]),
        lambda: Pacer.trace(["1"]),
        lambda: Pacer.trace(b"12345678"),
        lambda: Pacer.trace(np.zeros(3)),
        lambda: Pacer.trace(np.zeros(3, ">i8")),
        lambda: Pacer.trace(np.zeros((2, 2), np.int64)),
        lambda: Pacer.trace(np.zeros(2, np.uint64)),
        lambda: Pacer.wait(None),
    ],
)
def test_values_of_the_wrong_type(make):
    with pytest.raises(TypeError):
        make()


def test_there_is_no_subclass():
    with pytest.raises(TypeError):
        type("Mine", (Pacer,), {})

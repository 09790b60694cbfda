from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench import _native
from inference_bench._native import Histogram
from tests.histogram_model import (
    INT64_MAX,
)


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**62))))
def test_a_counter_is_the_sum_of_its_additions(steps: list[int | None]) -> None:
    counter, model = _native.Counter(), 0
    for step in steps:
        if step is None:
            counter.inc()
            model += 1
        elif model + step <= INT64_MAX:
            counter.add(step)
            model += step
        else:
            with pytest.raises(OverflowError, match=f"it is {model} and was given {step}"):
                counter.add(step)
    assert counter.value == model


def test_a_counter_refuses_what_it_cannot_add() -> None:
    counter = _native.Counter()
    for bad in (-1, -(2**63), -(2**70)):
        with pytest.raises(ValueError, match=f"given {bad}"):
            counter.add(bad)
    for bad in (2**63, 2**70):
        with pytest.raises(OverflowError, match=f"given {bad}"):
            counter.add(bad)
    with pytest.raises(TypeError):
        counter.add(1.0)  # type: ignore[arg-type]
    counter.add(True)
    counter.add(np.int32(4))
    assert counter.value == 5
    assert repr(counter) == "Counter(5)"


def test_threads_lose_no_addition() -> None:
    counter, gauge, n = _native.Counter(), _native.Gauge(), 20_000

    def work() -> None:
        for _ in range(n):
            counter.inc()
            gauge.inc()
            gauge.add(2)
            gauge.dec()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counter.value, gauge.value) == (4 * n, 8.0 * n)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_a_gauge_is_set_and_moved(start: float, delta: float) -> None:
    gauge = _native.Gauge()
    gauge.set(start)
    gauge.add(delta)
    assert gauge.value == start + delta
    gauge.inc()
    gauge.dec()
    assert gauge.value == start + delta + 1 - 1


def test_a_gauge_stays_finite() -> None:
    gauge = _native.Gauge()
    gauge.set(1.7e308)
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(ValueError, match=f"given {bad}"):
            gauge.set(bad)
        with pytest.raises(ValueError, match=f"given {bad}"):
            gauge.add(bad)
    with pytest.raises(OverflowError, match="largest float"):
        gauge.add(1.7e308)
    with pytest.raises(TypeError):
        gauge.set("1")  # type: ignore[arg-type]
    gauge.set(-1)
    assert gauge.value == -1.0
    assert repr(gauge) == "Gauge(-1.0)"


@pytest.mark.parametrize("kind", [Histogram, _native.Counter, _native.Gauge])
def test_the_types_take_no_unknown_argument_and_no_attribute(kind: type) -> None:
    with pytest.raises(TypeError):
        kind(colour=1)
    with pytest.raises(AttributeError):
        kind().colour = 1

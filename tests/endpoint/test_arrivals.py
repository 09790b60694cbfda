from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint import arrivals
from inference_bench.endpoint.arrivals import Arrivals, planned
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.units import NS_PER_S

MANY = 40_000


def gaps_s(load: Arrivals):
    return np.diff(load.offsets_ns, prepend=0) / NS_PER_S


@pytest.mark.parametrize("rate", [0.01, 3.0, 999.0, 100_000.0])
@pytest.mark.parametrize(
    ("scenario", "variation"),
    [
        ("constant", 0.0),
        ("poisson", 1.0),
        ("gamma", 0.25),
        ("gamma", 0.5),
        ("gamma", 1.0),
        ("gamma", 2.0),
        ("gamma", 4.0),
    ],
)
def test_gaps_have_the_mean_and_the_variation_that_are_asked_for(scenario, variation, rate):
    gaps = gaps_s(planned(scenario, MANY, rate=rate, variation=variation, seed=11))

    assert gaps.mean() * rate == pytest.approx(1, abs=5 * max(variation, 1e-4) / math.sqrt(MANY))
    # The standard error of a gamma's coefficient of variation, by its fourth moment: about cv sqrt((1/2 + 2 cv^2) / n).
    error = variation * math.sqrt((0.5 + 2 * variation**2) / MANY)
    assert gaps.std() / gaps.mean() == pytest.approx(variation, abs=6 * error + 1e-4)


def test_the_counts_of_a_poisson_load_vary_as_much_as_their_mean():
    rate, windows = 100, 400
    load = arrivals.poisson(rate, rate * windows * 2, seed=3)
    counts, _ = np.histogram(load.offsets_ns, bins=np.arange(windows + 1) * NS_PER_S)

    # The variance of a sample variance of n Poisson counts with the mean m is about 2 m^2 / n.
    assert counts.var() / counts.mean() == pytest.approx(1, abs=5 * math.sqrt(2 / windows))


def test_the_duration_of_a_poisson_load_is_not_rescaled():
    ends = [arrivals.poisson(10, 100, seed).offsets_ns[-1] / NS_PER_S for seed in range(300)]

    assert np.mean(ends) == pytest.approx(10, abs=5 / math.sqrt(300))
    assert np.std(ends) == pytest.approx(1, rel=0.25)


@given(
    st.floats(0, 1_000),
    st.floats(0.01, 1_000),
    st.integers(2, 400),
)
def test_a_ramp_counts_the_integral_of_its_rate(first, last, requests):
    offsets = arrivals.ramp(first, last, requests).offsets_ns.astype(float) / NS_PER_S
    duration = 2 * requests / (first + last)
    integral = first * offsets + (last - first) * offsets**2 / (2 * duration)

    # The n-th request lies where the integral reaches n; an offset is cut to a nanosecond.
    assert np.allclose(integral, np.arange(1, requests + 1), rtol=1e-9, atol=2e-6)
    assert offsets[-1] == pytest.approx(duration, rel=1e-9, abs=2e-9)


def test_a_poisson_ramp_has_the_rate_of_each_part():
    load = arrivals.ramp(10, 30, MANY, variation=1, seed=5)
    end = 2 * MANY / 40 * NS_PER_S
    counts, _ = np.histogram(load.offsets_ns, bins=np.linspace(0, end, 5))

    expected = np.array([12.5, 17.5, 22.5, 27.5]) / 80 * MANY
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


def test_a_random_ramp_goes_on_at_its_last_rate():
    late = arrivals.ramp(1_000, 1, 50, variation=4, seed=2).offsets_ns

    assert np.all(np.diff(late) >= 0)


def test_a_ramp_without_a_slope_is_constant():
    even = arrivals.constant(7, 100).offsets_ns

    assert np.abs(arrivals.ramp(7, 7, 100).offsets_ns - even).max() <= 1


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=50).map(sorted), st.sampled_from([0.1, 0.5, 1, 3, 1_000]))
def test_a_trace_starts_at_its_first_request_and_is_played_faster(times, speed_up):
    offsets = arrivals.trace(times, speed_up=speed_up).offsets_ns

    assert offsets[0] == 0
    assert np.allclose(offsets, (np.array(times) - times[0]) / speed_up, atol=1, rtol=1e-12)


def test_a_trace_at_its_own_speed_is_kept_to_the_nanosecond():
    times = [5, 5, 8, 10**15 + 1]

    assert arrivals.trace(times).offsets_ns.tolist() == [0, 0, 3, 10**15 - 4]


@pytest.mark.parametrize(
    ("scenario", "first"),
    [
        ("constant", [142857142, 285714285, 428571428, 571428571]),
        ("poisson", [201018871, 346585198, 545858368, 566786677]),
        ("gamma", [889587565, 1083779853, 1090221339, 2597178971]),
        ("ramp", [434258545, 666666666, 847127088, 1000000000]),
    ],
)
def test_the_offsets_of_a_seed_are_these_on_every_machine(scenario, first):
    load = planned(scenario, 4, rate=7.0, first_rate=1.0, variation=2.0, seed=42)

    assert load.offsets_ns.dtype == np.int64
    assert load.offsets_ns.tolist() == first


@pytest.mark.parametrize("scenario", ["poisson", "gamma"])
def test_another_seed_gives_other_offsets(scenario):
    one, same, other = (planned(scenario, 50, rate=5, variation=2, seed=seed).offsets_ns for seed in (1, 1, 2))

    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_all_requests_of_an_offline_load_are_planned_at_the_start():
    load = planned("offline", 3)

    assert load.offsets_ns.tolist() == [0, 0, 0]
    assert load.offered_rate is None


def test_the_offered_rate_is_that_of_the_gaps():
    assert planned("constant", 101, rate=20).offered_rate == pytest.approx(20)


@pytest.mark.parametrize(("scenario", "clients"), [("single_stream", 1), ("concurrent", 6)])
def test_a_closed_loop_has_clients_and_no_instants(scenario, clients):
    load = planned(scenario, 10, concurrency=6)

    assert (load.concurrency, load.offsets_ns, load.requests) == (clients, None, 10)


def test_offsets_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        planned("constant", 3).offsets_ns[0] = 1


@pytest.mark.parametrize("scenario", ["constant", "poisson", "gamma", "ramp"])
@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, 1e9])
def test_a_rate_that_cannot_be_sent_is_refused(scenario, rate):
    with pytest.raises(InvalidValueError, match=r"rate: got .*, expected more than 0 and at most 1,000,000 requests"):
        planned(scenario, 10, rate=rate)


@pytest.mark.parametrize("rate", [1e-9, 1e-300, 5e-324])
def test_a_rate_that_takes_years_is_refused(rate):
    with pytest.raises(InvalidValueError, match="length of the load"):
        planned("poisson", 10, rate=rate)


@pytest.mark.parametrize("rate", [-1, math.nan, 1e9])
def test_the_first_rate_of_a_ramp_is_checked(rate):
    with pytest.raises(InvalidValueError, match="first rate"):
        planned("ramp", 10, rate=5, first_rate=rate)


@pytest.mark.parametrize("requests", [0, -1, 2.5, 10**9])
def test_a_number_of_requests_is_checked(requests):
    with pytest.raises(InvalidValueError, match="requests"):
        planned("poisson", requests)


@pytest.mark.parametrize("variation", [-1, 1e-9, 11, math.nan])
def test_a_variation_is_checked(variation):
    with pytest.raises(InvalidValueError, match="coefficient of variation"):
        planned("gamma", 10, variation=variation)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_checked(seed):
    with pytest.raises(InvalidValueError, match="seed"):
        planned("poisson", 10, seed=seed)


@pytest.mark.parametrize("clients", [0, -3])
def test_a_number_of_clients_is_checked(clients):
    with pytest.raises(InvalidValueError, match="concurrency"):
        planned("concurrent", 10, concurrency=clients)


def test_an_unknown_scenario_is_answered_by_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'poisson'"):
        planned("poison", 10)


def test_a_trace_has_times_of_its_own():
    with pytest.raises(InvalidValueError, match="a trace file"):
        planned("trace", 10)


@pytest.mark.parametrize("speed_up", [0, -1, math.nan, math.inf])
def test_a_speed_up_is_checked(speed_up):
    with pytest.raises(InvalidValueError, match="speed-up"):
        arrivals.trace([0, 1], speed_up=speed_up)


@pytest.mark.parametrize(("times", "message"), [([], "requests"), ([5, 3], "time of request 2"), ([0, 10**20], "366")])
def test_times_of_a_trace_are_checked(times, message):
    with pytest.raises(InvalidValueError, match=message):
        arrivals.trace(times)

"""What else ran beside measured processes, of known counters."""

from dataclasses import replace

import pytest

from inference_bench.analysis.disturbance import beyond_interval, disturbance_of, most_taken
from inference_bench.testing import make_result
from inference_bench.units import NS_PER_S


def worker(wall_s=10.0, cpu_s=10.0, busy_s=10.5, switches=20, pressure_s=1.0, waited_s=None, **launcher_s):
    """An entry of a process that was timed for ``wall_s``."""
    usage = {
        "wall_ns": wall_s * NS_PER_S,
        "cpu_ns": cpu_s * NS_PER_S,
        "busy_ns": None if busy_s is None else busy_s * NS_PER_S,
        "involuntary_switches": switches,
        "cpu_pressure_ns": pressure_s * NS_PER_S,
    }
    launcher = {name: int(used_s * NS_PER_S) for name, used_s in launcher_s.items()}
    return {"usage": usage, "waited_ns": None if waited_s is None else waited_s * NS_PER_S, "launcher_ns": launcher}


def old(entry):
    """The same as a run of an earlier version has it."""
    return {name: value for name, value in entry.items() if name != "launcher_ns"}


def test_figures_are_per_time_of_all_windows():
    found = disturbance_of([worker(gcs=0.2, raylet=0.1), worker(30, 30, 32.5, 100, 3.0, raylet=0.5)])
    assert found.others_cpus == pytest.approx(3.0 / 40)
    assert found.launcher_cpus == pytest.approx(0.8 / 40)
    assert found.switches == pytest.approx(120 / 40)
    assert found.pressure == pytest.approx(0.1)
    assert list(found.launcher.items()) == [("raylet", pytest.approx(0.6 / 40)), ("gcs", pytest.approx(0.2 / 40))]


def test_what_is_unknown_stays_unknown_and_counts_in_no_figure():
    assert disturbance_of([]) == disturbance_of([{"usage": None}])
    assert disturbance_of([]).others_cpus is None
    assert disturbance_of([old(worker())]).launcher_cpus is None
    assert disturbance_of([worker()]).launcher_cpus == 0
    assert disturbance_of([old(worker(90)), worker(10, gcs=0.5)]).launcher_cpus == pytest.approx(0.05)
    assert disturbance_of([worker(busy_s=None), worker(busy_s=12)]).others_cpus == pytest.approx(0.2)
    assert disturbance_of([worker(busy_s=9.99)]).others_cpus == 0  # the kernel rounds


def test_the_launcher_takes_no_more_than_it_uses_nor_than_threads_wait():
    assert most_taken([worker(waited_s=0.05, gcs=0.3)]) == pytest.approx(0.005)
    assert most_taken([worker(waited_s=2.0, gcs=0.3)]) == pytest.approx(0.03)
    assert most_taken([worker(waited_s=None, gcs=0.3)]) == pytest.approx(0.03)
    assert most_taken([worker(waited_s=0.05, gcs=0.3), worker(waited_s=2.0, gcs=0.3)]) == pytest.approx(0.0175)
    assert most_taken([old(worker(waited_s=2.0))]) is None


def test_a_case_is_named_where_that_is_more_than_half_the_width_of_its_interval():
    values = [1_000_000 + 1000 * (step % 21 - 10) for step in range(400)]
    made = replace(make_result({"ttft": [values]}), headline=("ttft",))
    figure = made.summaries[0].headline
    assert figure.value is not None
    assert figure.low is not None
    assert figure.high is not None
    half_width = (figure.high - figure.low) / 2 / figure.value
    assert 0.0001 < half_width < 0.01
    more = beyond_interval(replace(made, workers=(worker(waited_s=5, gcs=10 * half_width * 1.1),)))
    assert more is not None
    assert (more.share, more.half_width) == (pytest.approx(1.1 * half_width), pytest.approx(half_width))
    assert beyond_interval(replace(made, workers=(worker(waited_s=5, gcs=10 * half_width * 0.9),))) is None
    assert beyond_interval(replace(made, workers=(worker(waited_s=0, gcs=1.0),))) is None
    assert beyond_interval(replace(made, workers=(worker(gcs=1.0),), headline=())) is None
    assert beyond_interval(replace(made, workers=(old(worker(waited_s=5)),))) is None

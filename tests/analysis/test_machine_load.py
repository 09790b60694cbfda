"""The load of a machine while its ceilings were measured."""

from __future__ import annotations

import pytest

from inference_bench.analysis.machine_load import disturbances, machine_load
from inference_bench.ceilings import MachineLoad
from inference_bench.units import NS_PER_S

CALM = {
    "wall_ns": 10 * NS_PER_S,
    "cpu_ns": 15 * NS_PER_S,
    "busy_ns": 15 * NS_PER_S + NS_PER_S // 2,
    "steal_ns": 0,
    "memory_pressure_ns": 0,
    "throttles": 0,
}


def test_a_load_is_what_others_took_over_the_time():
    found = machine_load({**CALM, "steal_ns": NS_PER_S // 2, "throttles": 20}, threads=2)

    assert found == MachineLoad(others_cpus=0.05, stolen=0.025, waited_for_memory=0.0, slow_downs_per_s=2.0)


def test_what_the_kernel_does_not_count_stays_unknown_and_disturbs_nothing():
    unknown = machine_load({**CALM, "busy_ns": None, "steal_ns": None, "throttles": None}, threads=1)

    assert (unknown.others_cpus, unknown.stolen, unknown.slow_downs_per_s) == (None, None, None)
    assert disturbances(unknown) == disturbances(None) == disturbances(machine_load(CALM, 1)) == ()


def test_own_time_that_is_counted_more_finely_than_that_of_all_is_no_negative_load():
    assert machine_load({**CALM, "busy_ns": 14 * NS_PER_S}, 1).others_cpus == 0.0


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (MachineLoad(others_cpus=0.5), "other processes used 0.50 CPUs"),
        (MachineLoad(stolen=0.02), "the hypervisor took 2.0% of the threads' time"),
        (MachineLoad(waited_for_memory=0.1), "some task waited for memory during 10.0% of the time"),
        (MachineLoad(slow_downs_per_s=0.5), "heat slowed the CPUs down 0.5 times per second"),
    ],
)
def test_each_disturbance_is_said_with_its_size(load, words):
    assert disturbances(load) == (words,)

from __future__ import annotations

import pytest

from inference_bench.analysis.trust.environment_warnings import environment_warnings

QUIET = {"cpu": {"affinity": [0, 1, 2, 3], "usable": 4, "governor": "performance", "turbo": False}}


@pytest.mark.parametrize(
    ("section", "facts", "word"),
    [
        ("cpu", {"governor": "powersave"}, "The frequency governor is 'powersave': clock speed"),
        ("cpu", {"turbo": True}, "Turbo is on"),
        ("load", {"average_1min": 3.0}, "load average is 3.0 on 4"),
        ("load", {"cpu_waiting_percent_10s": 40.0}, "40.0 %"),
        ("memory", {"swap_used_bytes": 1 << 30}, "1,073,741,824 bytes are swapped out"),
        ("system", {"hypervisor": "KVM"}, "virtual machine (KVM): other VMs"),
        ("system", {"clocksource": "hpet"}, "'hpet'"),
        ("cgroup", {"cpu_quota": 1.5}, "1.5 CPUs"),
        ("power", {"on_battery": True}, "battery"),
        ("python", {"debug_build": True}, "debug build"),
    ],
)
def test_each_disturbance_is_one_sentence(section, facts, word):
    (sentence,) = environment_warnings({**QUIET, section: {**QUIET.get(section, {}), **facts}})

    assert word in sentence
    assert sentence.endswith(".")


def test_a_quiet_machine_and_an_unknown_one_have_no_warnings():
    assert environment_warnings(QUIET) == []
    assert environment_warnings({}) == []


def test_more_threads_than_cpus_is_a_warning():
    assert environment_warnings(QUIET, threads=4) == []
    assert environment_warnings(QUIET, threads=5) == ["5 threads share 4 usable CPUs: they wait for each other."]

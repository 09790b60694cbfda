from __future__ import annotations

import json
import mmap

import pytest

from inference_bench.analysis.trust.environment_warnings import environment_warnings
from inference_bench.machine.environment import describe_environment, environment_changes

MEMINFO = "MemTotal: 16384 kB\nMemAvailable: 8192 kB\nSwapTotal: 4096 kB\nSwapFree: 1024 kB\nHugePages_Total: 0\n"
CPU = "sys/devices/system/cpu"


def test_this_machine_is_described_in_plain_data():
    found = describe_environment()

    assert json.loads(json.dumps(found)) == found
    assert {"system", "cpu", "memory", "python", "packages", "fingerprint"} <= set(found)
    assert "unreadable" not in found


def test_what_is_absent_has_no_key(machine):
    found = describe_environment(machine({}))

    assert "memory" not in found
    assert "load" not in found
    assert "cgroup" not in found
    assert not {"governor", "microcode", "turbo", "smt", "caches"} & set(found["cpu"])


def test_no_value_is_none_or_empty():
    def values(item):
        if isinstance(item, dict):
            for value in item.values():
                yield from values(value)
        else:
            yield item

    assert not [value for value in values(describe_environment()) if value is None or value in ({}, [], "")]


def test_memory(machine):
    root = machine({"proc/meminfo": MEMINFO, "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never"})

    assert describe_environment(root)["memory"] == {
        "total_bytes": 16 << 20,
        "available_bytes": 8 << 20,
        "swap_total_bytes": 4 << 20,
        "swap_used_bytes": 3 << 20,
        "page_bytes": mmap.PAGESIZE,
        "transparent_huge_pages": "madvise",
    }


def test_load(machine):
    root = machine(
        {
            "proc/loadavg": "2.50 1.00 0.50 1/88 4854\n",
            "proc/pressure/cpu": "some avg10=12.50 avg60=0.05 avg300=0.11 total=5\nfull avg10=0.00 avg60=0 total=0\n",
            "proc/stat": "cpu  50 0 25 20 0 0 0 5 0 0\ncpu0 1 1 1 1 1 1 1 1\n",
        }
    )

    assert describe_environment(root)["load"] == {
        "average_1min": 2.5,
        "cpu_waiting_percent_10s": 12.5,
        "stolen_percent_since_boot": 5.0,
    }


@pytest.mark.parametrize("text", ["", "\x00\xff", "a b c d e f g h i j", ":::", "-", "cpu x y z a b c d e f"])
def test_no_file_makes_it_raise(machine, text):
    names = (
        "proc/cpuinfo proc/meminfo proc/loadavg proc/uptime proc/stat proc/pressure/cpu proc/self/cgroup "
        f"{CPU}/smt/active {CPU}/cpu0/cpufreq/cpuinfo_max_freq {CPU}/cpu0/cache/index0/size sys/fs/cgroup/cpu.max "
        "sys/fs/cgroup/memory.max etc/os-release sys/kernel/mm/transparent_hugepage/enabled"
    ).split()

    found = describe_environment(machine(dict.fromkeys(names, text)))

    assert len(found["fingerprint"]) == 12
    environment_warnings(found)


def test_a_section_that_fails_is_named_and_the_others_stay(machine):
    found = describe_environment(machine({"proc/meminfo": "MemTotal: many kB\n"}))

    assert "ValueError" in found["unreadable"]["memory"]
    assert found["python"]["implementation"] == "CPython"


def test_the_fingerprint_is_of_the_hardware_alone(machine):
    base = describe_environment(machine({"proc/cpuinfo": "model name : A Processor", "proc/loadavg": "0 0 0"}))
    busier = describe_environment(machine({"proc/loadavg": "9 9 9", "etc/os-release": 'PRETTY_NAME="Next"'}))
    another = describe_environment(machine({"proc/cpuinfo": "model name : Another"}))

    assert base["fingerprint"] == busier["fingerprint"]
    assert base["fingerprint"] != another["fingerprint"]


def test_changes_that_make_results_incomparable_are_named():
    before = {"fingerprint": "a", "cpu": {"model": "M"}, "system": {"kernel": "6.1"}, "packages": {"torch": "2.8"}}
    after = {"fingerprint": "b", "cpu": {"model": "N"}, "system": {"kernel": "6.1"}, "packages": {"torch": "2.9"}}

    assert environment_changes(before, before) == []
    assert environment_changes(before, after) == ["machine: M before, N now", "torch: 2.8 before, 2.9 now"]
    assert environment_changes({}, {"python": {"version": "3.12"}}) == ["python version: None before, 3.12 now"]

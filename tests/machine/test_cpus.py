from __future__ import annotations

import os

import pytest

from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.environment import describe_environment

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
microcode\t: 0x2b
flags\t\t: fpu avx2 avx512f amx_tile constant_tsc

processor\t: 1
model name\t: another
"""
CPU = "sys/devices/system/cpu"


def test_the_cpu(machine):
    found = describe_environment(
        machine(
            {
                "proc/cpuinfo": CPUINFO,
                f"{CPU}/smt/active": "1\n",
                f"{CPU}/intel_pstate/no_turbo": "0\n",
                f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
                f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3800000\n",
                f"{CPU}/cpu0/cache/index0/level": "1",
                f"{CPU}/cpu0/cache/index0/type": "Data",
                f"{CPU}/cpu0/cache/index0/size": "48K",
                f"{CPU}/cpu0/cache/index3/level": "3",
                f"{CPU}/cpu0/cache/index3/type": "Unified",
                f"{CPU}/cpu0/cache/index3/size": "105M",
                **{f"{CPU}/cpu{n}/topology/core_id": f"{n // 2}" for n in range(4)},
                **{f"{CPU}/cpu{n}/topology/physical_package_id": "0" for n in range(4)},
            }
        )
    )["cpu"]

    assert found["model"] == "Intel(R) Xeon(R) Platinum 8480+"
    assert found["flags"] == ["avx2", "avx512f", "amx_tile", "constant_tsc"]
    assert found["caches"] == {"L1d": 48 << 10, "L3": 105 << 20}
    assert (found["cores"], found["sockets"], found["smt"]) == (2, 1, True)
    assert (found["governor"], found["turbo"], found["maximum_khz"]) == ("powersave", True, 3_800_000)


@pytest.mark.parametrize(
    ("files", "quota", "cpus"),
    [
        ({}, None, 4),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None, 4),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5, 1),
        (
            {
                "proc/self/cgroup": "0::/pod/box\n",
                "sys/fs/cgroup/pod/box/cpu.max": "max 100000",
                "sys/fs/cgroup/pod/cpu.max": "300000 100000",
            },
            3.0,
            3,
        ),
        ({"proc/self/cgroup": "0::/../elsewhere\n", "sys/fs/cgroup/cpu.max": "100000 100000"}, 1.0, 1),
        (
            {
                "proc/self/cgroup": "4:memory:/a\n2:cpu,cpuacct:/a\n0::/\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
            },
            1.5,
            1,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
            4,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "800000 100000"}, 8.0, 4),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "gibberish"}, None, 4),
    ],
    ids=["none", "v2-max", "v2", "v2-under-1", "v2-parent", "v2-unmounted", "v1", "v1-none", "above-affinity", "odd"],
)
def test_the_quota_cuts_down_the_cpus(machine, files, quota, cpus):
    root = machine(files)

    assert describe_environment(root).get("cgroup", {}).get("cpu_quota") == quota
    assert available_cpus(root) == cpus


def test_available_cpus_follows_the_affinity():
    assert 1 <= available_cpus() <= len(os.sched_getaffinity(0))

from __future__ import annotations

import pytest

from inference_bench.machine.environment import describe_environment


@pytest.mark.parametrize(
    ("files", "hypervisor"),
    [
        ({"proc/cpuinfo": "flags : fpu avx2\n"}, None),
        ({"proc/cpuinfo": "flags : fpu hypervisor\n"}, "unnamed"),
        (
            {"proc/cpuinfo": "flags : hypervisor\n", "sys/class/dmi/id/sys_vendor": "QEMU\n"},
            "QEMU",
        ),
        ({"proc/cpuinfo": "processor : 0\n", "sys/class/dmi/id/sys_vendor": "QEMU\n"}, "QEMU"),
        (
            {"sys/class/dmi/id/sys_vendor": "Amazon EC2", "sys/class/dmi/id/product_name": "c7g.metal"},
            None,
        ),
        (
            {
                "proc/cpuinfo": "flags : hypervisor\n",
                "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc kvm-clock\n",
            },
            "KVM",
        ),
    ],
)
def test_the_hypervisor(machine, files, hypervisor):
    assert describe_environment(machine(files))["system"].get("hypervisor") == hypervisor

from __future__ import annotations

import pytest

from inference_bench.machine.environment import describe_environment


@pytest.mark.parametrize(
    ("files", "limit_bytes"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None),
        (
            {"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}"},
            None,
        ),
        ({"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4096"}, 4096),
    ],
)
def test_the_memory_limit(machine, files, limit_bytes):
    assert describe_environment(machine(files)).get("cgroup", {}).get("memory_limit_bytes") == limit_bytes

from __future__ import annotations

import pytest

from inference_bench.machine.cgroup import oom_kills

_OWN, _MOUNT = "sys/fs/cgroup/mine", "sys/fs/cgroup"
_EVENTS = "low 0\nhigh 1\nmax 9\noom 4\noom_kill {}\n"
_VMSTAT = "pgfault 12\noom_kill {}\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/vmstat": "pgfault 12\n"}, None),
        ({"proc/vmstat": _VMSTAT.format(7)}, 7),
        ({f"{_OWN}/memory.events": _EVENTS.format(3), "proc/vmstat": _VMSTAT.format(7)}, 3),
        ({f"{_OWN}/memory.events": _EVENTS.format(3), f"{_MOUNT}/memory.events": _EVENTS.format(5)}, 3),
        ({f"{_MOUNT}/memory.events": _EVENTS.format(5), "proc/vmstat": _VMSTAT.format(7)}, 5),
        ({f"{_OWN}/memory.events": "garbage", "proc/vmstat": _VMSTAT.format(7)}, 7),
        ({f"{_OWN}/memory.events": _EVENTS.format("many")}, None),
    ],
)
def test_kills_are_those_of_the_own_group_or_else_of_the_machine(tmp_path, files, expected):
    for name, text in {"proc/self/cgroup": "0::/mine\n", **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert oom_kills(tmp_path) == expected

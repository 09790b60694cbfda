"""On made-up machines; the one at hand is asked once."""

from __future__ import annotations

import resource

import pytest

from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.units import GIB, KIB


def machine(root, available_kib=8 * GIB // KIB, **files):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal:  99999999 kB\nMemAvailable:  {available_kib} kB\n")
    (root / "proc/self/cgroup").write_text("0::/job/step\n")
    (root / "proc/self/statm").write_text("1000 10 10 1 0 10 0\n")
    for folder, text in files.items():
        path = root / "sys/fs/cgroup" / folder.replace("__", "/")
        path.mkdir(parents=True)
        for line in text.split(";"):
            name, value = line.split("=")
            (path / name).write_text(value)
    return root


def test_without_limits_it_is_what_the_kernel_calls_available(tmp_path):
    assert headroom_bytes(machine(tmp_path)) == 8 * GIB


def test_the_tightest_group_counts_and_its_file_pages_can_go(tmp_path):
    root = machine(
        tmp_path,
        job=f"memory.max={4 * GIB};memory.current={3 * GIB};memory.stat=anon 1\ninactive_file {GIB // 2}\n",
        job__step="memory.max=max;memory.current=1",
    )

    assert headroom_bytes(root) == GIB + GIB // 2


def test_a_group_above_its_limit_leaves_nothing(tmp_path):
    assert headroom_bytes(machine(tmp_path, job="memory.max=1000;memory.current=2000")) == 0


def test_version_1_groups_count_too(tmp_path):
    root = machine(tmp_path)
    (root / "proc/self/cgroup").write_text("7:memory:/job\n")
    folder = root / "sys/fs/cgroup/memory/job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(str(2 * GIB))
    (folder / "memory.usage_in_bytes").write_text(str(GIB))
    (folder / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 4096\n")

    assert headroom_bytes(root) == GIB + 4096


def test_a_limit_on_the_address_space_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (GIB, GIB))

    assert headroom_bytes(machine(tmp_path)) == GIB - 1000 * resource.getpagesize()


def test_a_machine_that_says_nothing_is_unknown(tmp_path):
    assert headroom_bytes(tmp_path) is None


def test_this_machine_has_some():
    if (found := headroom_bytes()) is None:
        pytest.skip("this machine does not say")
    assert found > 0

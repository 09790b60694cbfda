from __future__ import annotations

import json
import os
from dataclasses import fields

import pytest

from inference_bench.analysis.trust.environment_warnings import environment_warnings
from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError
from inference_bench.machine import environment
from inference_bench.machine.device import check_device, load_device
from inference_bench.machine.devices import cuda
from inference_bench.machine.environment import available_cpus, describe_environment
from inference_bench.machine.nvml import Gpu, Nvml

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
microcode\t: 0x2b
flags\t\t: fpu avx2 avx512f amx_tile constant_tsc

processor\t: 1
model name\t: another
"""
MEMINFO = "MemTotal: 16384 kB\nMemAvailable: 8192 kB\nSwapTotal: 4096 kB\nSwapFree: 1024 kB\nHugePages_Total: 0\n"
CPU = "sys/devices/system/cpu"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that writes the files of a made-up machine, with four CPUs, and returns its root."""
    monkeypatch.setattr(environment, "_affinity", lambda: [0, 1, 2, 3])

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


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


def test_memory(machine):
    root = machine({"proc/meminfo": MEMINFO, "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never"})

    assert describe_environment(root)["memory"] == {
        "total_bytes": 16 << 20,
        "available_bytes": 8 << 20,
        "swap_total_bytes": 4 << 20,
        "swap_used_bytes": 3 << 20,
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


def test_available_cpus_follows_the_affinity():
    assert 1 <= available_cpus() <= len(os.sched_getaffinity(0))


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


def test_variables_that_matter_are_kept_and_secrets_are_not(monkeypatch):
    given = {"OMP_NUM_THREADS": "3", "LD_PRELOAD_X": "no", "HF_TOKEN": "hf_secret", "TOKENIZERS_PARALLELISM": "false"}
    for name, value in {**given, "HOME_ADDRESS": "no"}.items():
        monkeypatch.setenv(name, value)

    found = describe_environment()["variables"]

    assert (found["OMP_NUM_THREADS"], found["HF_TOKEN"], found["TOKENIZERS_PARALLELISM"]) == ("3", "(set)", "false")
    assert not {"HOME_ADDRESS", "LD_PRELOAD_X"} & set(found)


def test_the_fingerprint_is_of_the_hardware_alone(machine):
    base = describe_environment(machine({"proc/cpuinfo": CPUINFO, "proc/loadavg": "0 0 0"}))
    busier = describe_environment(machine({"proc/loadavg": "9 9 9", "etc/os-release": 'PRETTY_NAME="Next"'}))
    another = describe_environment(machine({"proc/cpuinfo": CPUINFO.replace("8480+", "8490H")}))

    assert base["fingerprint"] == busier["fingerprint"]
    assert base["fingerprint"] != another["fingerprint"]


def test_the_cpu_is_one_device():
    (found,) = load_device("cpu").find()

    assert found.name == "cpu"
    check_device("cpu")
    with pytest.raises(InvalidValueError, match="--threads"):
        check_device("cpu:0")


@pytest.mark.parametrize("device", ["cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:²"])
def test_a_device_number_is_a_number(device):
    with pytest.raises(InvalidValueError, match="number from 0 on"):
        check_device(device)


def test_an_unknown_device_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'cuda'"):
        check_device("cuba")


GPUS = [{"index": 0, "name": "H100"}, {"index": 1, "name": "H100"}, {"name": "hidden"}]


@pytest.mark.parametrize(
    ("driver", "gpus", "torch", "device", "reason"),
    [
        (False, [], "2.9.0", "cuda", "no NVIDIA driver"),
        (True, [], "2.9.0", "cuda", "shows no GPU"),
        (True, GPUS, "2.9.0", "cuda:2", "shows 2 GPUs"),
        (True, GPUS, "2.9.0+cpu", "cuda", r"torch 2\.9\.0\+cpu is built without CUDA"),
        (True, GPUS, "2.9.0+cu128", "cuda:1", None),
        (True, GPUS, None, "cuda", None),
    ],
)
def test_cuda_is_refused_with_the_reason(monkeypatch, driver, gpus, torch, device, reason):
    monkeypatch.setattr(cuda, "_loads", lambda library: driver)
    monkeypatch.setattr(cuda, "describe_gpus", lambda: gpus)
    monkeypatch.setattr(cuda, "_torch_version", lambda: torch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    if reason is None:
        check_device(device)
        return
    with pytest.raises(UsageError, match=rf"device '{device}': .*{reason}.*Use --device cpu"):
        check_device(device)


@pytest.mark.parametrize(
    ("libraries", "variable"),
    [({"libcuda.so.1"}, None), ({"libcuda.so.1", "libnvidia-ml.so.1"}, "MIG-5c89852c")],
    ids=["no-management-library", "mig"],
)
def test_where_the_driver_cannot_tell_the_framework_must_find_out(monkeypatch, libraries, variable):
    monkeypatch.setattr(cuda, "_loads", lambda library: library in libraries)
    monkeypatch.setattr(cuda, "_torch_version", lambda: "2.9.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable or "0")

    check_device("cuda")


def gpu(index, memory_total_bytes):
    facts = dict.fromkeys(field.name for field in fields(Gpu)) | {"index": index, "uuid": f"GPU-{index}"}
    return Gpu(**facts | {"name": f"H{index}", "memory_total_bytes": memory_total_bytes})


def test_gpus_bear_the_numbers_of_cuda(monkeypatch):
    monkeypatch.setattr(cuda, "read_nvml", lambda: Nvml(None, "575.57", gpus=(gpu(0, 80 << 30), gpu(1, 80 << 30))))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    hidden, visible = cuda.describe_gpus()

    assert "index" not in hidden
    assert (visible["index"], visible["name"], visible["memory_total_bytes"]) == (0, "H1", 80 << 30)
    assert [(found.name, found.title) for found in load_device("cuda").find()] == [("cuda:0", "H1")]


def test_a_gpu_without_memory_of_its_own_states_none(monkeypatch):
    monkeypatch.setattr(cuda, "read_nvml", lambda: Nvml(None, "575.57", gpus=(gpu(0, None),)))

    assert [set(found) for found in cuda.describe_gpus()] == [{"index", "name", "driver"}]


@pytest.mark.parametrize(
    ("variable", "positions"),
    [
        (None, [0, 1, 2]),
        ("1,0", [1, 0]),
        ("2", [2]),
        ("", []),
        ("-1", []),
        ("0,7,1", [0]),
        ("GPU-b", [1]),
        ("GPU-", []),
        ("GPU-ccc,0", [2, 0]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(monkeypatch, variable, positions):
    if variable is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)

    assert cuda._visible(["GPU-aaa", "GPU-bbb", "GPU-ccc"]) == positions


def test_without_the_driver_there_are_no_gpus(monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", "/nonexistent.so")

    assert cuda.describe_gpus() == []
    assert load_device("cuda").find() == []


@pytest.mark.gpu
@pytest.mark.skipif(not cuda._loads("libcuda.so.1"), reason="no CUDA driver on this machine")
def test_with_a_gpu_it_is_found_and_described():
    gpus = cuda.describe_gpus()

    assert gpus
    assert all(gpu["name"] and gpu["driver"] for gpu in gpus)
    assert load_device("cuda").find()[0].name == "cuda:0"

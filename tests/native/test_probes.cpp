#include "probes.hpp"

#include <doctest/doctest.h>

namespace procfs = inference_bench::procfs;
using inference_bench::kAbsent;

TEST_CASE("statm's second field is the resident set") {
    CHECK(procfs::resident_pages("5436 1234 870 5 0 400 0\n") == 1234);
    CHECK(procfs::resident_pages("5436") == kAbsent);
    CHECK(procfs::resident_pages("") == kAbsent);
}

TEST_CASE("status lines are found by their key at the line's beginning") {
    const char* const status = "Name:\tVmHWM: 7\nVmPeak:\t  9000 kB\nVmHWM:\t  4321 kB\nVmRSS:\t  1234 kB\n";
    CHECK(procfs::kib_field(status, "VmHWM:") == 4321);
    CHECK(procfs::kib_field(status, "VmRSS:") == 1234);
    CHECK(procfs::kib_field(status, "VmSwap:") == kAbsent);
    CHECK(procfs::kib_field("VmHWM:\tnone\n", "VmHWM:") == kAbsent);
}

TEST_CASE("a cgroup limit of 'max' is no number") {
    CHECK(procfs::first_number("max\n") == kAbsent);
    CHECK(procfs::first_number("0\n") == 0);
}

TEST_CASE("the memory cgroup is found on v2, v1, hybrid hosts and inside containers") {
    const char* const v2_mount = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const char* const v1_mount = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";

    SUBCASE("v2") {
        const auto files = procfs::memory_cgroup_files("0::/user.slice/app\n", v2_mount);
        CHECK(files.usage == "/sys/fs/cgroup/user.slice/app/memory.current");
        CHECK(files.peak == "/sys/fs/cgroup/user.slice/app/memory.peak");
    }
    SUBCASE("v2 in its own namespace") {
        CHECK(procfs::memory_cgroup_files("0::/\n", v2_mount).usage == "/sys/fs/cgroup/memory.current");
    }
    SUBCASE("hybrid: the controller is on v1") {
        const std::string both =
            std::string(v1_mount) + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        const auto files = procfs::memory_cgroup_files("5:cpu,memory:/jobs/1\n0::/\n", both);
        CHECK(files.usage == "/sys/fs/cgroup/memory/jobs/1/memory.usage_in_bytes");
        CHECK(files.peak == "/sys/fs/cgroup/memory/jobs/1/memory.max_usage_in_bytes");
    }
    SUBCASE("a container that mounts only its own part of the tree") {
        const char* const part = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        CHECK(procfs::memory_cgroup_files("5:memory:/docker/abc\n", part).usage ==
              "/sys/fs/cgroup/memory/memory.usage_in_bytes");
        CHECK(procfs::memory_cgroup_files("5:memory:/docker/other\n", part).usage.empty());
    }
    SUBCASE("none") { CHECK(procfs::memory_cgroup_files("", v1_mount).usage.empty()); }
}

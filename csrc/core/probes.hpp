// This process's memory as the kernel reports it now: descriptors stay open, and reading needs no malloc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel_file.hpp"

namespace inference_bench {

// Stands for bytes that could not be read: the file is missing, or access was refused. Never 0, which is a reading.
constexpr std::int64_t kAbsent = -1;

namespace procfs {

// Second field of /proc/<pid>/statm, in pages.
[[nodiscard]] std::int64_t resident_pages(std::string_view statm) noexcept;
// The number behind "VmHWM:" and the like in status and smaps_rollup; those files say kB and mean KiB.
[[nodiscard]] std::int64_t kib_field(std::string_view text, std::string_view key) noexcept;
[[nodiscard]] std::int64_t first_number(std::string_view text) noexcept;

struct CgroupFiles {
    std::string usage;  // empty: this process is in no memory cgroup that can be seen from here
    std::string peak;
};
// From the texts of /proc/self/cgroup and /proc/self/mountinfo. A v1 memory hierarchy wins over v2: on a hybrid host
// the controller is on one of the two, and v2 then has no memory files.
[[nodiscard]] CgroupFiles memory_cgroup_files(std::string_view cgroup, std::string_view mountinfo);

}  // namespace procfs

struct SmapsRollup {
    std::int64_t rss_bytes;
    std::int64_t pss_bytes;
    std::int64_t uss_bytes;  // private clean and dirty
    std::int64_t swap_bytes;
};

// Descriptors of one process: after a fork the child must open its own, for /proc/self was resolved when opened.
class ProcessProbes {
  public:
    ProcessProbes();

    [[nodiscard]] std::int64_t rss_bytes() const noexcept;          // 1 us
    [[nodiscard]] std::int64_t hwm_bytes() const noexcept;          // 6 us; since the start or the last reset
    [[nodiscard]] std::int64_t cgroup_bytes() const noexcept;       // 1 us
    [[nodiscard]] std::int64_t cgroup_peak_bytes() const noexcept;  // since the cgroup began
    [[nodiscard]] bool has_cgroup() const noexcept { return cgroup_usage_.is_open(); }

    // 0.3-170 ms, growing with the number of mapped pages, under the lock that page faults need. False where refused.
    bool smaps_rollup(SmapsRollup& out) const noexcept;

    // Lowers the high-water mark to the present RSS, for every reader of this process's status. False where refused.
    bool reset_hwm() const noexcept;

  private:
    KernelFile statm_;
    KernelFile status_;
    KernelFile smaps_rollup_;
    KernelFile clear_refs_;
    KernelFile cgroup_usage_;
    KernelFile cgroup_peak_;
};

// The lifetime maximum as getrusage has it. It may include what ran in this process before exec; VmHWM does not.
[[nodiscard]] std::int64_t max_rss_bytes() noexcept;

// How often the mark has been reset in this process. If it changes during a phase, the mark is not that phase's own.
[[nodiscard]] std::uint64_t hwm_resets() noexcept;

// One for the process, opened at first use and again after a fork.
[[nodiscard]] const ProcessProbes& process_probes();

}  // namespace inference_bench

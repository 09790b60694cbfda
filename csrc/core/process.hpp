// This process's interruptions, and its tie to its parent.
#pragma once

#include <cstdint>

namespace inference_bench {

// How often the threads of this process lost a core to another task, and waited for the disk at a page fault, in sum.
struct Interruptions {
    std::int64_t preemptions;
    std::int64_t disk_faults;
};

// Makes one system call. A count that the kernel does not report stays 0.
[[nodiscard]] Interruptions interruptions() noexcept;

// Asks the kernel to send `signal` to this process when the thread that forked it ends. False with errno set if
// refused.
bool die_with_parent(int signal) noexcept;

}  // namespace inference_bench

// This process among others.
#pragma once

#include <cstdint>

namespace inference_bench {

// How often all threads of this process together lost a core to another task, and waited for the disk at a page fault.
struct Interruptions {
    std::int64_t preemptions;
    std::int64_t disk_faults;
};

// One system call; a count that the kernel does not tell stays 0.
[[nodiscard]] Interruptions interruptions() noexcept;

// Asks the kernel to send `signal` to this process when the thread that forked it ends. False with errno set if
// refused.
bool die_with_parent(int signal) noexcept;

}  // namespace inference_bench

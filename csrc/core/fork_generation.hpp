// The number of forks between the process that first asked and this one. A vendor driver's handles are invalid after a
// fork, and calling the driver with one may hang: holders compare their generation first.
#pragma once

#include <atomic>
#include <cstdint>

namespace inference_bench {

namespace detail {
extern std::atomic<std::uint32_t> fork_count;
}

// Call it before the first handle is made: forks are counted from then on. Throws std::system_error.
void count_forks();

// One load, for hot paths; getpid() would be a system call.
[[nodiscard]] inline std::uint32_t fork_generation() noexcept {
    return detail::fork_count.load(std::memory_order_relaxed);
}

}  // namespace inference_bench

// How many forks lie between the process that first asked and this one. What a vendor's driver handed out before a fork
// is of no use after it, and calling the driver with it may hang: holders compare their generation first.
#pragma once

#include <atomic>
#include <cstdint>

namespace inference_bench {

namespace detail {
extern std::atomic<std::uint32_t> fork_count;
}

// To be called before the first handle is got: forks are counted from then on. Throws std::system_error.
void count_forks();

// One load, for hot paths; getpid() would be a system call.
[[nodiscard]] inline std::uint32_t fork_generation() noexcept {
    return detail::fork_count.load(std::memory_order_relaxed);
}

}  // namespace inference_bench

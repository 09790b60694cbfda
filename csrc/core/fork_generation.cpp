#include "fork_generation.hpp"

#include <mutex>

#include "fork_handlers.hpp"

namespace inference_bench {

std::atomic<std::uint32_t> detail::fork_count{0};

void count_forks() {
    static std::once_flag once;
    std::call_once(
        once, [] { at_fork(nullptr, nullptr, [] { detail::fork_count.fetch_add(1, std::memory_order_relaxed); }); });
}

}  // namespace inference_bench

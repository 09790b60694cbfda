#include "fork_generation.hpp"

#include <pthread.h>

namespace inference_bench {

std::atomic<std::uint32_t> detail::fork_count{0};

void count_forks() {
    static const int registered =
        pthread_atfork(nullptr, nullptr, [] { detail::fork_count.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(registered);
}

}  // namespace inference_bench

#include "spin_tail.hpp"

#include <sched.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace inference_bench {
namespace {

bool only_one_cpu() noexcept {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) < 2;
}

}  // namespace

std::int64_t usable_spin_ns(std::int64_t longest_ns) {
    if (longest_ns < 0 || longest_ns > SpinTail::kLongestNs) {
        throw std::invalid_argument("longest_spin_ns must be from 0 to " + std::to_string(SpinTail::kLongestNs) +
                                    "; given " + std::to_string(longest_ns));
    }
    return only_one_cpu() ? std::min(longest_ns, SpinTail::kLongestOnOneCpuNs) : longest_ns;
}

}  // namespace inference_bench

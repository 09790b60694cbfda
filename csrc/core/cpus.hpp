// The CPUs that this thread may run on.
#pragma once

#include <sched.h>

namespace inference_bench {

[[nodiscard]] inline bool only_one_cpu() noexcept {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) < 2;
}

}  // namespace inference_bench

#include "process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace inference_bench {

Interruptions interruptions() noexcept {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return {usage.ru_nivcsw, usage.ru_majflt};
}

bool die_with_parent(int signal) noexcept { return prctl(PR_SET_PDEATHSIG, signal) == 0; }

}  // namespace inference_bench

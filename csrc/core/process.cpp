#include "process.hpp"

#include <sys/prctl.h>

namespace inference_bench {

bool die_with_parent(int signal) noexcept { return prctl(PR_SET_PDEATHSIG, signal) == 0; }

}  // namespace inference_bench

#include "http_limits.hpp"

#include <stdexcept>
#include <string>

#include "schedule.hpp"

namespace inference_bench {
namespace {

void check_range(const char* name, std::int64_t least, std::int64_t most, std::int64_t given) {
    if (given >= least && given <= most) return;
    throw std::invalid_argument(std::string(name) + " must be from " + std::to_string(least) + " to " +
                                std::to_string(most) + "; given " + std::to_string(given));
}

}  // namespace

void HttpLimits::check() const {
    check_range("connections", 1, kMostConnections, connections);
    check_range("timeout_ns", 1, Schedule::kLongestNs, timeout_ns);
    check_range("idle_timeout_ns", 0, Schedule::kLongestNs, idle_timeout_ns);
    check_range("most_bytes", 1, std::int64_t{1} << 40, most_bytes);
}

}  // namespace inference_bench

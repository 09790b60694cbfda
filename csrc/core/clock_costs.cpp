#include "clock_costs.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "clock_source.hpp"

namespace inference_bench {
namespace {

// Median of many short runs, so that an interrupt spoils one of them and not the answer.
template <typename Read>
double median_cost_ns(const TickRate& rate, Read read) {
    constexpr std::size_t kRuns = 201;
    constexpr std::uint64_t kReadsPerRun = 64;
    std::array<std::uint64_t, kRuns> runs{};
    for (std::uint64_t& run : runs) {
        const std::uint64_t begin = ticks_begin();
        for (std::uint64_t i = 0; i < kReadsPerRun; ++i) read();
        run = ticks_end() - begin;
    }
    std::nth_element(runs.begin(), runs.begin() + kRuns / 2, runs.end());
    return static_cast<double>(runs[kRuns / 2]) * 1e9 / rate.hertz() / static_cast<double>(kReadsPerRun);
}

}  // namespace

double smallest_step_ns(const TickRate& rate) {
    std::uint64_t smallest = UINT64_MAX;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t first = ticks();
        const std::uint64_t second = ticks();
        if (second > first) smallest = std::min(smallest, second - first);
    }
    return static_cast<double>(smallest) * 1e9 / rate.hertz();
}

double read_cost_ns(const TickRate& rate) {
    return median_cost_ns(rate, [] { static_cast<void>(ticks()); });
}

double fenced_pair_cost_ns(const TickRate& rate) {
    return median_cost_ns(rate, [] {
        static_cast<void>(ticks_begin());
        static_cast<void>(ticks_end());
    });
}

}  // namespace inference_bench

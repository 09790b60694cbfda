#include "clock_reading.hpp"

#include <algorithm>

#include "clock_source.hpp"

namespace inference_bench {
namespace {

constexpr int kSandwiches = 50;
constexpr int kBootOffsetTries = 10;

std::int64_t read_ns(clockid_t id) noexcept { return static_cast<std::int64_t>(detail::read_clock_ns(id)); }

}  // namespace

ClockReading tightest_clock_reading() noexcept {
    ClockReading best{0, 0, UINT64_MAX};
    for (int i = 0; i < kSandwiches; ++i) {
        const std::uint64_t before = detail::hardware_ticks_begin();
        const std::int64_t raw = read_ns(CLOCK_MONOTONIC_RAW);
        const std::uint64_t after = detail::hardware_ticks_end();
        const std::uint64_t width = after - before;
        if (after >= before && width < best.width) best = {before + width / 2, raw, width};
    }
    return best;
}

std::int64_t boot_offset_ns() noexcept {
    std::int64_t offset = 0;
    for (int i = 0; i < kBootOffsetTries; ++i) {
        const std::int64_t before = read_ns(CLOCK_MONOTONIC);
        offset = read_ns(CLOCK_BOOTTIME) - before;
        if (read_ns(CLOCK_MONOTONIC) - before < kBootOffsetErrorNs) break;  // otherwise this thread was preempted
    }
    return offset;
}

void wait_until_raw_ns(std::int64_t deadline) noexcept {
    std::int64_t left = deadline - read_ns(CLOCK_MONOTONIC_RAW);
    while (left > 0) {
        const timespec pause{0, static_cast<long>(std::min<std::int64_t>(left, 999'999'999))};
        nanosleep(&pause, nullptr);
        left = deadline - read_ns(CLOCK_MONOTONIC_RAW);
    }
}

}  // namespace inference_bench

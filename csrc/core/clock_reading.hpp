// One comparison of the tick counter with the kernel's clocks.
#pragma once

#include <cstdint>

namespace inference_bench {

// A tick and the CLOCK_MONOTONIC_RAW time at which it was current, give or take half the width.
struct ClockReading {
    std::uint64_t ticks;
    std::int64_t raw_ns;
    std::uint64_t width;  // in ticks
};

// The tightest of 50 readings. Needs the hardware counter.
[[nodiscard]] ClockReading tightest_clock_reading() noexcept;

// How long the machine has been suspended since boot, to 0.1 ms.
constexpr std::int64_t kBootOffsetErrorNs = 100'000;
[[nodiscard]] std::int64_t boot_offset_ns() noexcept;

// Sleeps until CLOCK_MONOTONIC_RAW has reached the deadline.
void wait_until_raw_ns(std::int64_t deadline) noexcept;

}  // namespace inference_bench

// Nanoseconds on the CLOCK_MONOTONIC_RAW scale, so that two processes on one machine can compare theirs.
//
// The first tick takes an origin; the first conversion calibrates over whatever time has passed since, at least 10 ms
// (it waits for the rest). Nothing happens when the library is loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "clock_source.hpp"

namespace inference_bench {

[[nodiscard]] bool clock_calibrated() noexcept;

// Waits up to 10 ms the first time, and does nothing afterwards.
void calibrate_clock();

// Calibrate on first use.
[[nodiscard]] std::int64_t now_ns();
[[nodiscard]] std::int64_t ticks_to_ns(std::uint64_t ticks);
void ticks_to_ns(const std::uint64_t* ticks, std::int64_t* ns, std::size_t n);

// Compares the clock with CLOCK_MONOTONIC_RAW over the ever longer baseline and steers by what it finds. What was
// converted before stays as it was. False if no tight reading was to be had or an earlier correction is still running.
bool recalibrate_clock();

// The same, at most every 2 s, and never waiting: for native threads to call in passing.
void maintain_clock() noexcept;

struct ClockDescription {
    std::string source;
    std::string reason;
    double frequency_hz;
    double resolution_ns;          // smallest positive difference of neighbouring readings
    double read_cost_ns;           // median, plain
    double fenced_pair_cost_ns;    // median, ticks_begin() and ticks_end() together
    double residual_ppm;           // the rate over the last stretch against the rate since the origin
    std::int64_t max_residual_ns;  // the farthest that the clock was ever found from CLOCK_MONOTONIC_RAW
    std::uint64_t anchors;         // readings it steered by
    std::uint64_t rejected_anchors;
    std::uint64_t suspends;    // the machine slept: durations across it mean nothing
    std::uint64_t backwards;   // a reading lay before an earlier one: counters differ between cores
    bool drift;                // more than 10 ppm, beyond what the readings' own width explains
    std::int64_t baseline_ns;  // how long the frequency has been averaged over
};

// Re-anchors when 2 s have passed, and times about 40,000 readings (1 ms).
[[nodiscard]] ClockDescription describe_clock();

}  // namespace inference_bench

// What reading the clock costs on this machine, measured when asked for: about 1 ms for all three.
#pragma once

#include "timeline.hpp"

namespace inference_bench {

[[nodiscard]] double smallest_step_ns(const TickRate& rate);     // smallest positive difference of two readings
[[nodiscard]] double read_cost_ns(const TickRate& rate);         // median, ticks()
[[nodiscard]] double fenced_pair_cost_ns(const TickRate& rate);  // median, ticks_begin() and ticks_end() together

}  // namespace inference_bench

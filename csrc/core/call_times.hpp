// One fenced pair of ticks per call, for a known number of calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "clock.hpp"

namespace inference_bench {

class CallTimes {
  public:
    explicit CallTimes(std::size_t capacity);  // touches every page; throws std::bad_alloc

    // Around what is timed; no more often than `capacity` together.
    void begin() noexcept { begin_[size_] = ticks_begin(); }
    void end() noexcept { end_[size_++] = ticks_end(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // May calibrate the clock, 10 ms.
    [[nodiscard]] std::shared_ptr<const std::int64_t[]> begin_ns() const;
    [[nodiscard]] std::shared_ptr<const std::int64_t[]> durations_ns() const;

  private:
    std::unique_ptr<std::uint64_t[]> begin_;
    std::unique_ptr<std::uint64_t[]> end_;
    std::size_t size_ = 0;
};

}  // namespace inference_bench

// The kernel stamps packets by CLOCK_REALTIME, which is steered and may be set; here its stamps are mapped to now_ns().
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "block_list.hpp"

namespace inference_bench {

// The same instant on both scales, give or take half the width.
struct ClockPair {
    std::int64_t realtime_ns;
    std::int64_t now_ns;
    std::int64_t width_ns;
};

// Converts by a straight line between the comparisons around a stamp.
class KernelTimes {
  public:
    static constexpr std::int64_t kNone = -1;
    // adjtimex(2) slews CLOCK_REALTIME by at most 500 ppm; two comparisons that differ by more saw the clock being set.
    static constexpr double kMostDrift = 1e-3;

    // In the order of now_ns; at least one.
    explicit KernelTimes(std::vector<ClockPair> pairs) : pairs_(std::move(pairs)) {}

    // When the kernel stamped what was read at `read_ns` of now_ns(). kNone for kNone, and where the kernel's clock was
    // set at about that time.
    [[nodiscard]] std::int64_t to_now_ns(std::int64_t realtime_ns, std::int64_t read_ns) const;

  private:
    [[nodiscard]] bool was_set(const ClockPair& from, const ClockPair& to) const noexcept;

    std::vector<ClockPair> pairs_;
};

// One thread compares the clocks now and then; any thread asks for the conversion. The kernel stamps packets only while
// some socket asks for it, and begins a little later: this object asks as long as it lives.
class KernelClock {
  public:
    KernelClock();  // std::bad_alloc
    ~KernelClock();
    KernelClock(const KernelClock&) = delete;
    KernelClock& operator=(const KernelClock&) = delete;

    void compare() { pairs_.append(tightest_pair()); }
    void make_room() { pairs_.make_room(); }
    [[nodiscard]] KernelTimes times() const;

  private:
    static ClockPair tightest_pair() noexcept;

    const int socket_;  // -1: first packets may come without a stamp
    BlockList<ClockPair, 1024> pairs_;
};

}  // namespace inference_bench

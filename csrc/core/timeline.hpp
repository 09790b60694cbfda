// From ticks to nanoseconds: a piecewise linear, continuous, monotone function that only ever grows at its end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace inference_bench {

__extension__ typedef unsigned __int128 uint128;

// Nanoseconds per tick as a binary fraction, mult / 2^shift.
struct TickRate {
    std::uint64_t mult;
    unsigned shift;

    // The largest shift whose mult still fits 63 bits; rounding then stays under 0.01 ns a year at 1 GHz and above.
    [[nodiscard]] static TickRate from(std::uint64_t ns, std::uint64_t ticks) noexcept;
    // The same rate on another scale, changed by `ppb` parts per billion.
    [[nodiscard]] TickRate adjusted(std::int64_t ppb) const noexcept;
    [[nodiscard]] TickRate with_shift(unsigned new_shift) const noexcept;
    [[nodiscard]] double hertz() const noexcept;

    [[nodiscard]] std::uint64_t nanoseconds(std::uint64_t ticks) const noexcept {
        return static_cast<std::uint64_t>((static_cast<uint128>(ticks) * mult) >> shift);
    }
};

struct Segment {
    std::uint64_t ticks;  // where it begins
    std::int64_t ns;      // what that tick is
    std::uint64_t mult;   // its slope, on the timeline's shift
};

// Segments are appended and never changed, so a tick that was converted once always converts to the same nanosecond,
// and a reader needs no lock: it loads the count and reads what lies below. The owner allows
// one writer at a time.
class Timeline {
  public:
    // 36 hours at one segment every 2 s. When they are used up the last slope, by then an average over 36 hours, goes
    // on.
    static constexpr std::size_t kCapacity = std::size_t{1} << 16;

    Timeline();
    Timeline(const Timeline&) = delete;
    Timeline& operator=(const Timeline&) = delete;

    void begin(std::uint64_t ticks, std::int64_t ns, TickRate rate) noexcept;
    // A new slope from `ticks` on, which must lie beyond the last segment's beginning. False if it does not, or when
    // full.
    bool append(std::uint64_t ticks, TickRate rate) noexcept;

    [[nodiscard]] std::int64_t nanoseconds(std::uint64_t ticks) const noexcept {
        const std::size_t count = count_.load(std::memory_order_acquire);
        return convert(segments_[find(ticks, count)], ticks);
    }
    void convert(const std::uint64_t* ticks, std::int64_t* ns, std::size_t n) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return count_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t last_begin() const noexcept { return segments_[size() - 1].ticks; }

  private:
    // Ticks before the first segment belong to it too: it is extended backwards.
    [[nodiscard]] std::size_t find(std::uint64_t ticks, std::size_t count) const noexcept;
    [[nodiscard]] std::int64_t convert(const Segment& s, std::uint64_t ticks) const noexcept {
        if (ticks >= s.ticks) return s.ns + scaled(ticks - s.ticks, s.mult);
        return s.ns - scaled(s.ticks - ticks, s.mult);
    }
    [[nodiscard]] std::int64_t scaled(std::uint64_t delta, std::uint64_t mult) const noexcept {
        return static_cast<std::int64_t>((static_cast<uint128>(delta) * mult) >> shift_);
    }

    std::unique_ptr<Segment[]> segments_;  // uninitialised: pages that are never reached cost nothing
    std::atomic<std::size_t> count_{0};
    unsigned shift_ = 0;
};

}  // namespace inference_bench

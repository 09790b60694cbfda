// Which bucket a value falls into: linear within each power of two, as HdrHistogram lays them out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace inference_bench {

// Values below 2^(bits + 1) have a bucket each; above, a bucket is at most value / 2^bits wide.
class HistogramLayout {
  public:
    static constexpr std::uint64_t kMaxHighest = INT64_MAX;

    // bits: 7 (0.8 %) or 10 (0.1 %). The highest value is raised to the last of its power of two.
    constexpr HistogramLayout(unsigned bits, std::uint64_t highest) noexcept
        : bits_(bits), highest_(highest | ((std::uint64_t{2} << bits) - 1)) {
        for (unsigned shift = 1; shift < 64; shift *= 2) highest_ |= highest_ >> shift;
    }

    [[nodiscard]] constexpr unsigned bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr std::uint64_t highest() const noexcept { return highest_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return index(highest_) + 1; }

    [[nodiscard]] constexpr std::size_t index(std::uint64_t value) const noexcept {
        const std::uint64_t linear = (std::uint64_t{2} << bits_) - 1;
        const unsigned shift = 63 - static_cast<unsigned>(__builtin_clzll(value | linear)) - bits_;
        return (static_cast<std::size_t>(shift) << bits_) + static_cast<std::size_t>(value >> shift);
    }

    // The values that share a bucket: [lowest(i), highest(i)].
    [[nodiscard]] constexpr std::uint64_t lowest(std::size_t index) const noexcept {
        const unsigned shift = shift_of(index);
        return (static_cast<std::uint64_t>(index) - (static_cast<std::uint64_t>(shift) << bits_)) << shift;
    }
    [[nodiscard]] constexpr std::uint64_t highest(std::size_t index) const noexcept {
        return lowest(index) + ((std::uint64_t{1} << shift_of(index)) - 1);
    }

    [[nodiscard]] constexpr bool operator==(const HistogramLayout& other) const noexcept {
        return bits_ == other.bits_ && highest_ == other.highest_;
    }
    [[nodiscard]] constexpr bool operator!=(const HistogramLayout& other) const noexcept { return !(*this == other); }

  private:
    [[nodiscard]] constexpr unsigned shift_of(std::size_t index) const noexcept {
        const auto row = static_cast<unsigned>(index >> bits_);
        return row < 2 ? 0 : row - 1;
    }

    unsigned bits_;
    std::uint64_t highest_;
};

static_assert(HistogramLayout(7, HistogramLayout::kMaxHighest).size() == 57 * 128);
static_assert(HistogramLayout(10, HistogramLayout::kMaxHighest).size() == 54 * 1024);

}  // namespace inference_bench

// What a histogram held at one moment: a plain value, to merge, to ask for percentiles and to send elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "histogram_layout.hpp"

namespace inference_bench {

// The bucket that a value lies in. No lower end: below zero. No upper end: above the highest value of the layout.
struct ValueRange {
    std::optional<std::uint64_t> lowest;  // 2^63 above a layout of full range
    std::optional<std::int64_t> highest;  // -1 below zero
};

class HistogramCounts {
  public:
    static constexpr std::uint64_t kMaxTotal = INT64_MAX;

    explicit HistogramCounts(HistogramLayout layout);  // throws std::bad_alloc

    [[nodiscard]] const HistogramLayout& layout() const noexcept { return layout_; }
    // One count per bucket. Shared, so that a view of it may outlive this object.
    [[nodiscard]] std::shared_ptr<const std::uint64_t[]> counts() const noexcept { return counts_; }
    [[nodiscard]] std::uint64_t count(std::size_t index) const noexcept { return counts_.get()[index]; }
    [[nodiscard]] std::uint64_t underflow() const noexcept { return underflow_; }
    [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }
    // Within the layout's range.
    [[nodiscard]] std::uint64_t in_range() const noexcept { return in_range_; }
    [[nodiscard]] std::uint64_t total() const noexcept { return underflow_ + in_range_ + overflow_; }
    // Of the values in range, at most INT64_MAX. Empty if the counts came from a format that does not hold it.
    [[nodiscard]] std::optional<std::uint64_t> sum() const noexcept { return sum_; }

    // The smallest value v such that `percent` % of all values, under- and overflow among them, are at most v.
    // Empty if there is no value at all.
    [[nodiscard]] std::optional<ValueRange> percentile(double percent) const noexcept;

    // Fewer bits or another highest value, exactly: a coarser bucket is a row of finer ones. What a lower range does
    // not reach becomes overflow, and then the sum is lost. Throws std::invalid_argument for more bits, and for a
    // higher range if there is overflow, whose place in it is unknown.
    [[nodiscard]] HistogramCounts converted(HistogramLayout to) const;

    // In the coarser of both layouts. Throws std::invalid_argument if their highest values differ, and
    // std::overflow_error above kMaxTotal.
    [[nodiscard]] HistogramCounts merged(const HistogramCounts& other) const;

    // Throw std::overflow_error above kMaxTotal.
    void add(std::size_t index, std::uint64_t n);
    void add_outside(std::uint64_t underflow, std::uint64_t overflow);
    void set_sum(std::optional<std::uint64_t> sum) noexcept;

    [[nodiscard]] bool operator==(const HistogramCounts& other) const noexcept;

  private:
    void require_room(std::uint64_t n) const;

    HistogramLayout layout_;
    std::shared_ptr<std::uint64_t[]> counts_;
    std::uint64_t underflow_ = 0;
    std::uint64_t overflow_ = 0;
    std::uint64_t in_range_ = 0;
    std::optional<std::uint64_t> sum_ = 0;
};

}  // namespace inference_bench

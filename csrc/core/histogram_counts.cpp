#include "histogram_counts.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace inference_bench {
namespace {

constexpr std::uint64_t kMaxSum = INT64_MAX;

// The 1-based rank of the value that is asked for. The next double below `percent` stands in for it, since 99.9 as a
// double lies above 99.9, and of 1,000 values the 1,000th would be taken for the 999th (HdrHistogram does the same).
std::uint64_t rank_of(double percent, std::uint64_t total) noexcept {
    const double below = std::nextafter(percent, 0.0);
    const double rank = std::ceil(below * static_cast<double>(total) / 100.0);
    if (rank >= static_cast<double>(total)) return total;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
}

}  // namespace

HistogramCounts::HistogramCounts(HistogramLayout layout)
    : layout_(layout), counts_(new std::uint64_t[layout.size()]()) {}

std::optional<ValueRange> HistogramCounts::percentile(double percent) const noexcept {
    if (total() == 0) return std::nullopt;
    std::uint64_t rank = rank_of(percent, total());
    if (rank <= underflow_) return ValueRange{std::nullopt, -1};
    rank -= underflow_;
    if (rank > in_range_) return ValueRange{layout_.highest() + 1, std::nullopt};
    std::size_t i = 0;
    for (; rank > count(i); ++i) rank -= count(i);
    return ValueRange{layout_.lowest(i), static_cast<std::int64_t>(layout_.highest(i))};
}

HistogramCounts HistogramCounts::converted(HistogramLayout to) const {
    if (to.bits() > layout_.bits()) {
        throw std::invalid_argument("cannot convert from " + std::to_string(layout_.bits()) + " to " +
                                    std::to_string(to.bits()) + " bits: the finer positions were never recorded");
    }
    if (to.highest() > layout_.highest() && overflow_ > 0) {
        throw std::invalid_argument("cannot raise the highest value from " + std::to_string(layout_.highest()) +
                                    " to " + std::to_string(to.highest()) + ": where the " + std::to_string(overflow_) +
                                    " value(s) above it belong is not known");
    }
    HistogramCounts out(to);
    out.add_outside(underflow_, overflow_);
    for (std::size_t i = 0; i < layout_.size(); ++i) {
        if (count(i) == 0) continue;
        // Both highest values end a power of two, so that a bucket lies on one side of them as a whole.
        if (layout_.lowest(i) > to.highest()) {
            out.add_outside(0, count(i));
        } else {
            out.add(to.index(layout_.lowest(i)), count(i));
        }
    }
    out.sum_ = out.overflow_ == overflow_ ? sum_ : std::nullopt;
    return out;
}

HistogramCounts HistogramCounts::merged(const HistogramCounts& other) const {
    if (layout_.highest() != other.layout_.highest()) {
        throw std::invalid_argument("cannot merge histograms up to " + std::to_string(layout_.highest()) + " and " +
                                    std::to_string(other.layout_.highest()) + ": convert one of them first");
    }
    const bool other_is_finer = other.layout_.bits() > layout_.bits();
    const HistogramCounts& finer = other_is_finer ? other : *this;
    const HistogramCounts& coarser = other_is_finer ? *this : other;
    HistogramCounts out = finer.converted(coarser.layout_);  // its own counts in any case: converting copies
    out.add_outside(coarser.underflow_, coarser.overflow_);
    for (std::size_t i = 0; i < coarser.layout_.size(); ++i) out.add(i, coarser.count(i));
    if (sum_ && other.sum_) {
        out.set_sum(*sum_ + *other.sum_);  // each at most INT64_MAX
    } else {
        out.set_sum(std::nullopt);
    }
    return out;
}

void HistogramCounts::require_room(std::uint64_t n) const {
    if (n <= kMaxTotal - total()) return;
    throw std::overflow_error("a histogram holds at most 2^63 - 1 values; it has " + std::to_string(total()) +
                              " and was given " + std::to_string(n) + " more");
}

void HistogramCounts::add(std::size_t index, std::uint64_t n) {
    require_room(n);
    counts_.get()[index] += n;
    in_range_ += n;
}

void HistogramCounts::add_outside(std::uint64_t underflow, std::uint64_t overflow) {
    require_room(underflow);
    underflow_ += underflow;
    require_room(overflow);
    overflow_ += overflow;
}

void HistogramCounts::set_sum(std::optional<std::uint64_t> sum) noexcept {
    sum_ = sum ? std::optional(std::min(*sum, kMaxSum)) : std::nullopt;
}

bool HistogramCounts::operator==(const HistogramCounts& other) const noexcept {
    return layout_ == other.layout_ && underflow_ == other.underflow_ && overflow_ == other.overflow_ &&
           sum_ == other.sum_ && std::equal(counts_.get(), counts_.get() + layout_.size(), other.counts_.get());
}

}  // namespace inference_bench

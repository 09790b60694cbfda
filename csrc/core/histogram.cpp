#include "histogram.hpp"

#include <algorithm>
#include <utility>

namespace inference_bench {
namespace {

std::uint64_t value_of(const Cell& cell) noexcept { return cell.load(std::memory_order_relaxed); }

}  // namespace

Histogram::Histogram(HistogramLayout layout) : layout_(layout), counts_(new Cell[layout.size()]) {
    for (std::size_t i = 0; i < layout.size(); ++i) counts_[i].store(0, std::memory_order_relaxed);
}

Histogram::Totals Histogram::totals() const {
    Totals now;
    now.counts.reset(new std::uint64_t[layout_.size()]);
    for (std::size_t i = 0; i < layout_.size(); ++i) now.counts[i] = value_of(counts_[i]);
    now.underflow = value_of(underflow_);
    now.overflow = value_of(overflow_);
    now.sum = (WideSum{value_of(sum_wraps_)} << 64) | value_of(sum_);
    return now;
}

HistogramCounts Histogram::since_taken(const Totals& now) const {
    HistogramCounts out(layout_);
    const std::uint64_t* const before = taken_.counts.get();
    for (std::size_t i = 0; i < layout_.size(); ++i) {
        out.add(i, now.counts[i] - (before == nullptr ? 0 : before[i]));
    }
    out.add_outside(now.underflow - taken_.underflow, now.overflow - taken_.overflow);
    out.set_sum(static_cast<std::uint64_t>(std::min<WideSum>(now.sum - taken_.sum, INT64_MAX)));
    return out;
}

HistogramCounts Histogram::read() const {
    const std::lock_guard<std::mutex> lock(taking_);
    return since_taken(totals());
}

HistogramCounts Histogram::take() {
    const std::lock_guard<std::mutex> lock(taking_);
    Totals now = totals();
    HistogramCounts out = since_taken(now);
    taken_ = std::move(now);
    return out;
}

}  // namespace inference_bench

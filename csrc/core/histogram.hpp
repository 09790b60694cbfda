// A histogram that is recorded into, 2 ns a value, and read or taken away meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "cell.hpp"
#include "histogram_counts.hpp"
#include "histogram_layout.hpp"

namespace inference_bench {

// Nothing is ever reset under the writer's hands: the cells only grow, and `take` remembers where they stood. So the
// writer pays nothing for it (a writer-reader phaser costs it two locked instructions, more than the recording
// itself), and every value lies in exactly one of the histograms taken.
class Histogram {
  public:
    explicit Histogram(HistogramLayout layout);  // throws std::bad_alloc; touches every page
    Histogram(const Histogram&) = delete;
    Histogram& operator=(const Histogram&) = delete;

    // False if it was counted as under- or overflow. The sum may lag the counts by the value being recorded.
    template <Writers W>
    bool record(std::int64_t value) noexcept {
        const auto v = static_cast<std::uint64_t>(value);  // negative: above every highest value
        if (__builtin_expect(v > layout_.highest(), 0)) {
            if (value < 0) {
                record_underflow<W>();
            } else {
                record_overflow<W>();
            }
            return false;
        }
        add_to<W>(counts_[layout_.index(v)], 1);
        if (__builtin_expect(add_to<W>(sum_, v) + v < v, 0)) add_to<W>(sum_wraps_, 1);
        return true;
    }

    // For values that no int64 holds.
    template <Writers W>
    void record_underflow() noexcept {
        add_to<W>(underflow_, 1);
    }
    template <Writers W>
    void record_overflow() noexcept {
        add_to<W>(overflow_, 1);
    }

    [[nodiscard]] const HistogramLayout& layout() const noexcept { return layout_; }

    // What came since the last `take`; throw std::bad_alloc. Any thread.
    [[nodiscard]] HistogramCounts read() const;
    [[nodiscard]] HistogramCounts take();

  private:
    __extension__ typedef unsigned __int128 WideSum;

    // Plain copies of the cells.
    struct Totals {
        std::unique_ptr<std::uint64_t[]> counts;
        std::uint64_t underflow = 0;
        std::uint64_t overflow = 0;
        WideSum sum = 0;
    };
    [[nodiscard]] Totals totals() const;
    [[nodiscard]] HistogramCounts since_taken(const Totals& now) const;

    HistogramLayout layout_;
    std::unique_ptr<Cell[]> counts_;
    Cell underflow_{0};
    Cell overflow_{0};
    Cell sum_{0};        // modulo 2^64
    Cell sum_wraps_{0};  // how often it passed 2^64
    mutable std::mutex taking_;
    Totals taken_;  // counts are null before the first take
};

}  // namespace inference_bench

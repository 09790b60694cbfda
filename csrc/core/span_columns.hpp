// Drained records turned into columns, and the spans among them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "number_column.hpp"
#include "span_matcher.hpp"
#include "span_record.hpp"

namespace inference_bench {

// All records, as they were written. A moment begins and ends at once. One block of memory, kRowBytes per row.
struct RecordColumns {
    static constexpr std::size_t kRowBytes = 4 * sizeof(std::int64_t) + 2 * sizeof(std::int32_t) + 2;

    explicit RecordColumns(std::size_t capacity);  // std::bad_alloc

    void append(const SpanRecord* records, std::size_t n, std::int32_t thread) noexcept;
    [[nodiscard]] std::vector<SpanHalf> halves() const;

    std::size_t rows = 0;
    NumberColumn<std::int32_t> name;    // as in interned_names()
    NumberColumn<std::uint8_t> kind;    // SpanKind
    NumberColumn<std::int32_t> thread;  // as gettid() gave it
    NumberColumn<std::uint64_t> id;     // 0 where a kind has none
    NumberColumn<std::int64_t> value;
    NumberColumn<std::int64_t> begin_ns;
    NumberColumn<std::int64_t> end_ns;
    NumberColumn<std::uint8_t> raised;  // 1: an exception left the span
};

// Whole spans and matched halves, the latter on the thread where they began.
struct SpanColumns {
    SpanColumns(const RecordColumns& records, const std::vector<MatchedSpan>& matched);  // std::bad_alloc

    std::size_t rows = 0;
    NumberColumn<std::int32_t> name;
    NumberColumn<std::int32_t> thread;
    NumberColumn<std::uint64_t> id;
    NumberColumn<std::int64_t> value;
    NumberColumn<std::int64_t> begin_ns;
    NumberColumn<std::int64_t> duration_ns;
    NumberColumn<std::uint8_t> raised;
};

}  // namespace inference_bench

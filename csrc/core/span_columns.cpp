#include "span_columns.hpp"

#include <algorithm>

#include "clock.hpp"

namespace inference_bench {
namespace {

// Ticks are converted in stretches that stay in the first-level cache.
constexpr std::size_t kStretch = 512;

}  // namespace

RecordColumns::RecordColumns(std::size_t capacity) {
    const std::shared_ptr<char[]> block(new char[capacity * kRowBytes]);
    std::size_t offset = 0;
    const auto take = [&](auto& column) {
        column = {block, offset};
        offset += capacity * sizeof(column[0]);
    };
    // The widest first, so that each is aligned.
    take(id);
    take(value);
    take(begin_ns);
    take(end_ns);
    take(name);
    take(thread);
    take(kind);
    take(raised);
}

void RecordColumns::append(const SpanRecord* records, std::size_t n, std::int32_t of_thread) noexcept {
    std::uint64_t begin[kStretch];
    std::uint64_t end[kStretch];
    for (std::size_t from = 0; from < n; from += kStretch) {
        const std::size_t stretch = std::min(kStretch, n - from);
        for (std::size_t i = 0; i < stretch; ++i) {
            const SpanRecord& r = records[from + i];
            const std::size_t row = rows + i;
            const bool whole = r.kind == SpanKind::Span;
            begin[i] = r.ticks;
            end[i] = whole ? r.id : r.ticks;
            name[row] = static_cast<std::int32_t>(r.name_id);
            kind[row] = static_cast<std::uint8_t>(r.kind);
            thread[row] = of_thread;
            id[row] = whole ? 0 : r.id;
            value[row] = r.value;
            raised[row] = (r.flags & SpanRecord::kRaised) != 0;
        }
        ticks_to_ns(begin, &begin_ns[rows], stretch);
        ticks_to_ns(end, &end_ns[rows], stretch);
        rows += stretch;
    }
}

std::vector<SpanHalf> RecordColumns::halves() const {
    std::vector<SpanHalf> out;
    for (std::size_t i = 0; i < rows; ++i) {
        const auto of = static_cast<SpanKind>(kind[i]);
        if (of != SpanKind::Begin && of != SpanKind::End) continue;
        SpanHalf half{};
        half.ns = begin_ns[i];
        half.id = id[i];
        half.value = value[i];
        half.name = name[i];
        half.thread = thread[i];
        half.is_end = of == SpanKind::End;
        out.push_back(half);
    }
    return out;
}

SpanColumns::SpanColumns(const RecordColumns& records, const std::vector<MatchedSpan>& matched) {
    const auto whole = static_cast<std::uint8_t>(SpanKind::Span);
    const auto n = static_cast<std::size_t>(std::count(records.kind.data(), records.kind.data() + records.rows, whole));
    rows = n + matched.size();
    name = NumberColumn<std::int32_t>(rows);
    thread = NumberColumn<std::int32_t>(rows);
    id = NumberColumn<std::uint64_t>(rows);
    value = NumberColumn<std::int64_t>(rows);
    begin_ns = NumberColumn<std::int64_t>(rows);
    duration_ns = NumberColumn<std::int64_t>(rows);
    raised = NumberColumn<std::uint8_t>(rows);

    std::size_t row = 0;
    for (std::size_t i = 0; i < records.rows; ++i) {
        if (records.kind[i] != whole) continue;
        name[row] = records.name[i];
        thread[row] = records.thread[i];
        id[row] = 0;
        value[row] = records.value[i];
        begin_ns[row] = records.begin_ns[i];
        duration_ns[row] = records.end_ns[i] - records.begin_ns[i];
        raised[row] = records.raised[i];
        ++row;
    }
    for (const MatchedSpan& span : matched) {
        name[row] = span.begin.name;
        thread[row] = span.begin.thread;
        id[row] = span.begin.id;
        value[row] = span.begin.value;
        begin_ns[row] = span.begin.ns;
        duration_ns[row] = span.end_ns - span.begin.ns;
        raised[row] = 0;
        ++row;
    }
}

}  // namespace inference_bench

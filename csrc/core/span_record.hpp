// What is written for a span, an instant or a counter: half a cache line, no pointers, times as raw ticks.
#pragma once

#include <cstdint>

namespace inference_bench {

enum class SpanKind : std::uint16_t {
    Span,   // a whole one, written as it ends: `ticks` is its beginning and `id` the tick of its end
    Begin,  // one half of a span, matched with the other by name and `id`, in whatever thread that comes
    End,
    Instant,
    Counter,  // `value` is its new reading
};

struct SpanRecord {
    static constexpr std::uint16_t kRaised = 1;  // flag: an exception left the span

    std::uint64_t ticks;
    std::uint32_t name_id;
    SpanKind kind;
    std::uint16_t flags;
    std::uint64_t id;
    std::int64_t value;
};
static_assert(sizeof(SpanRecord) == 32);

}  // namespace inference_bench

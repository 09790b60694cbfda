// Recording: the part that runs in the recorded thread. No Python, no lock, no allocation; 1 ns beside the reading of
// the clock.
#pragma once

#include <atomic>
#include <cstdint>

#include "clock_source.hpp"
#include "span_chunks.hpp"

namespace inference_bench {

namespace detail {

// This thread's place in the recorder that runs. No constructor and no destructor: it is fit for use at any moment of a
// thread's life. initial-exec, since the general model calls a function for each access.
struct SpanProducer {
    SpanChunk* chunk;
    std::uint64_t recorder;  // the serial number of the recorder whose chunk that is; 0: none
};
extern __thread SpanProducer span_producer __attribute__((tls_model("initial-exec")));

// The serial number of the recorder that runs; 0: none.
extern std::atomic<std::uint64_t> running_recorder;

extern std::atomic<bool> last_recorder_closed;

// A new chunk for this thread, or null if none can be had.
[[nodiscard]] SpanChunk* renew_chunk() noexcept;

// Records where renew_chunk() gave none: a flight recorder shares room among such threads, others count a loss.
void record_without_chunk(const SpanRecord& made) noexcept;

}  // namespace detail

[[nodiscard]] inline bool recording() noexcept { return detail::running_recorder.load(std::memory_order_relaxed) != 0; }

// Whether the recorder that ran last was closed: entering a span after that is a mistake in the program.
[[nodiscard]] inline bool last_recorder_closed() noexcept {
    return detail::last_recorder_closed.load(std::memory_order_relaxed);
}

// The beginning of a span, or 0 if no recorder runs: its end is then not recorded either.
[[nodiscard]] inline std::uint64_t span_ticks() noexcept { return recording() ? ticks() : 0; }

inline void record(const SpanRecord& made) noexcept {
    const std::uint64_t running = detail::running_recorder.load(std::memory_order_relaxed);
    if (running == 0) return;
    SpanChunk* chunk = detail::span_producer.chunk;
    if (__builtin_expect(detail::span_producer.recorder != running, 0) ||
        __builtin_expect(chunk->size.load(std::memory_order_relaxed) == SpanChunk::kRecords, 0)) {
        chunk = detail::renew_chunk();
        if (chunk == nullptr) return detail::record_without_chunk(made);
    }
    const std::uint32_t size = chunk->size.load(std::memory_order_relaxed);
    chunk->records[size] = made;
    chunk->size.store(size + 1, std::memory_order_release);
}

inline void record_span(std::uint32_t name_id, std::uint64_t begin, std::uint64_t end, std::int64_t value,
                        bool raised) noexcept {
    record({begin, name_id, SpanKind::Span, raised ? SpanRecord::kRaised : std::uint16_t{0}, end, value});
}

// Begin, End, Instant, Counter: one moment each.
inline void record_moment(SpanKind kind, std::uint32_t name_id, std::uint64_t id, std::int64_t value) noexcept {
    if (recording()) record({ticks(), name_id, kind, 0, id, value});
}

// A span around a scope of C++.
class NativeSpan {
  public:
    explicit NativeSpan(std::uint32_t name_id, std::int64_t value = 0) noexcept
        : begin_(span_ticks()), value_(value), name_id_(name_id) {}
    ~NativeSpan() {
        if (begin_ != 0) record_span(name_id_, begin_, ticks(), value_, false);
    }
    NativeSpan(const NativeSpan&) = delete;
    NativeSpan& operator=(const NativeSpan&) = delete;

  private:
    const std::uint64_t begin_;
    const std::int64_t value_;
    const std::uint32_t name_id_;
};

}  // namespace inference_bench

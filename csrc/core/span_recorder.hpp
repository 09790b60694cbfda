// Collects the records of all threads while it runs. One recorder at a time runs in a process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "fork_registry.hpp"
#include "native_thread.hpp"
#include "shared_spans.hpp"
#include "span_chunks.hpp"
#include "span_columns.hpp"
#include "span_matcher.hpp"
#include "span_producer.hpp"

namespace inference_bench {

struct SpanRecorderOptions {
    std::int64_t capacity = std::int64_t{1} << 18;  // records, 32 bytes each, touched before the first is written
    std::int64_t backlog = 0;  // records that the drainer may hold besides; their memory is taken as they come
    bool overwrite = false;    // full: the oldest give way (a flight recorder), not the newest
};

struct SpanCounts {
    std::uint64_t recorded;     // since the beginning, less those that were overwritten
    std::uint64_t waiting;      // of these, not drained yet
    std::uint64_t lost_full;    // found no room
    std::uint64_t overwritten;  // were the oldest, and never drained
    std::uint64_t open;         // begun with an id and not ended, as of the last drain
    std::uint64_t unmatched_begins;
    std::uint64_t unmatched_ends;
    std::uint64_t memory_bytes;  // its own share of the RSS
};

struct DrainedSpans {
    RecordColumns records;
    std::vector<MatchedSpan> matched;
};

// All members may be called from any thread. It must outlive the native threads that record into it. After a fork the
// child's copy is stopped and keeps what was recorded.
class SpanRecorder {
  public:
    static constexpr std::int64_t kMaxRecords = std::int64_t{1} << 31;

    explicit SpanRecorder(const SpanRecorderOptions& options);  // std::invalid_argument, std::bad_alloc
    ~SpanRecorder();
    SpanRecorder(const SpanRecorder&) = delete;
    SpanRecorder& operator=(const SpanRecorder&) = delete;

    void start();  // std::runtime_error if this or another runs, or this was closed
    void stop();   // no-op if stopped; what was recorded stays
    void close();  // stops for good; what was recorded stays
    [[nodiscard]] bool running() const noexcept;
    [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

    // Takes all records away. Those of threads without a chunk come last.
    [[nodiscard]] DrainedSpans drain();
    [[nodiscard]] DrainedSpans snapshot();  // looks at them: spans from earlier drains are not matched
    [[nodiscard]] SpanCounts counts();

    [[nodiscard]] std::int64_t capacity() const noexcept;
    [[nodiscard]] bool overwrites() const noexcept { return options_.overwrite; }

  private:
    friend SpanChunk* detail::renew_chunk() noexcept;
    friend void detail::record_without_chunk(const SpanRecord& made) noexcept;
    friend struct SpanRegistry;
    friend class ForkRegistry<SpanRecorder>;

    struct Stored {  // a full chunk's records, which the drainer has moved out
        std::unique_ptr<SpanRecord[]> records;
        std::uint32_t size;
        std::int32_t thread;
    };

    struct Unread {  // the records of a chunk that one reading takes; later ones wait for the next
        SpanChunk* chunk;
        std::uint64_t sequence;
        std::uint32_t from;
        std::uint32_t to;
    };

    // Chunks with a sequence from `end` on wait for the next time.
    [[nodiscard]] std::vector<std::pair<std::uint64_t, SpanChunk*>> chunks_by_age(std::uint64_t end);
    [[nodiscard]] std::vector<Unread> unread(std::uint64_t end);
    [[nodiscard]] DrainedSpans read(bool take);
    void append(const Unread& part, bool take, RecordColumns& records) noexcept;

    void stop_locked() noexcept;
    void lock_before_fork() {
        reader_.lock();
        shared_.lock_before_fork();
    }
    void unlock_after_fork() noexcept {
        shared_.unlock_after_fork();
        reader_.unlock();
    }
    void abandon_in_child() noexcept;

    // The drainer, if there is a backlog: a native thread that makes room by moving full chunks out.
    static void drainer_main(void* self) noexcept;
    void run_drainer() noexcept;
    void store_closed_chunks();

    const SpanRecorderOptions options_;
    const std::uint64_t serial_;  // never reused, as an address might be
    SpanChunks chunks_;
    SharedSpans shared_;
    std::atomic<std::uint64_t> lost_full_{0};
    std::atomic<bool> closed_{false};

    std::mutex reader_;  // guards what follows, and the reading of chunks; no recording thread ever takes it
    std::vector<Stored> stored_;
    std::uint64_t stored_records_ = 0;
    std::uint64_t drained_ = 0;
    SpanMatcher matcher_;

    NativeThread drainer_;
};

}  // namespace inference_bench

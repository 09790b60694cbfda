// Records of threads that found no chunk, because other threads hold them all. Slower than a chunk: it takes a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "span_chunks.hpp"
#include "span_record.hpp"

namespace inference_bench {

class SharedSpans {
  public:
    struct Shared {
        SpanRecord record;
        std::int32_t thread;
        // How many chunks had been acquired: all chunks that the thread had before come first, all later ones after it.
        std::uint64_t acquired;
    };

    // What is held at one moment.
    struct Contents {
        std::vector<Shared> records;  // oldest first
        std::uint64_t acquired;       // chunks acquired by then
        std::uint64_t end;            // index of the record after the last, among all that were ever added
    };

    // Holds at most `most` records; a further one overwrites the oldest.
    SharedSpans(std::size_t most, const SpanChunks& chunks) : most_(most), chunks_(chunks) {}

    [[nodiscard]] bool add(const SpanRecord& record, std::int32_t thread) noexcept;  // false: no memory

    [[nodiscard]] std::size_t size();
    [[nodiscard]] std::uint64_t overwritten();
    [[nodiscard]] std::uint64_t memory_bytes() { return size() * sizeof(Shared); }
    [[nodiscard]] Contents contents();
    // Takes away what was read. What was overwritten since had been read, and does not count as overwritten.
    void take(const Contents& read) noexcept;

    void lock_before_fork() { mutex_.lock(); }
    void unlock_after_fork() noexcept { mutex_.unlock(); }

  private:
    const std::size_t most_;
    const SpanChunks& chunks_;
    std::mutex mutex_;
    std::deque<Shared> records_;
    std::uint64_t first_ = 0;  // index of the oldest record, among all that were ever added
    std::uint64_t overwritten_ = 0;
};

}  // namespace inference_bench

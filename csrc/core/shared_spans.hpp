// Records of threads that found no chunk, because other threads hold them all. Slower than a chunk: it takes a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "span_columns.hpp"
#include "span_record.hpp"

namespace inference_bench {

class SharedSpans {
  public:
    // Holds at most so many records; a further one overwrites the oldest.
    explicit SharedSpans(std::size_t most) : most_(most) {}

    [[nodiscard]] bool add(const SpanRecord& record, std::int32_t thread) noexcept;  // false: no memory

    [[nodiscard]] std::size_t size();
    [[nodiscard]] std::uint64_t overwritten();
    [[nodiscard]] std::uint64_t memory_bytes() { return size() * sizeof(Shared); }
    // Appends the oldest `n`, and takes them away if told to.
    void read(std::size_t n, bool take, RecordColumns& into) noexcept;

    void lock_before_fork() { mutex_.lock(); }
    void unlock_after_fork() noexcept { mutex_.unlock(); }

  private:
    struct Shared {
        SpanRecord record;
        std::int32_t thread;
    };

    const std::size_t most_;
    std::mutex mutex_;
    std::deque<Shared> records_;
    std::uint64_t overwritten_ = 0;
};

}  // namespace inference_bench

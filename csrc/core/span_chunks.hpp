// The memory that spans are recorded into: one block, cut into chunks, each written by one thread at a time.
//
// A thread's ring is the chain of chunks it has filled. Chunks come from one pool and not from a ring per thread, so
// that the bound holds for any number of threads, a busy one can use what idle ones do not need, and nothing is lost
// before all of it is full, however late the drainer comes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "span_record.hpp"

namespace inference_bench {

// Written forwards only, and never again while anyone may read it: a reader cannot see a torn record.
struct alignas(64) SpanChunk {
    static constexpr std::size_t kBytes = std::size_t{1} << 16;
    static constexpr std::uint32_t kRecords = kBytes / sizeof(SpanRecord) - 2;

    // Acquired means not yet fit to be read. Pinned is or-ed to Owned or Closed.
    enum State : std::uint32_t { Free, Acquired, Owned, Closed, Pinned };

    std::atomic<std::uint32_t> state;
    std::atomic<std::uint32_t> size;      // records that may be read; written by the owner
    std::uint32_t drained;                // records that have been taken away; the pinning reader's
    std::int32_t thread;                  // gettid() of the owner
    std::atomic<std::uint64_t> sequence;  // when it was acquired, among all

    alignas(64) SpanRecord records[kRecords];

    // The owner's last word: it will write no more.
    void close() noexcept { state.fetch_add(Closed - Owned, std::memory_order_release); }
};
static_assert(sizeof(SpanChunk) == SpanChunk::kBytes);

class SpanChunks {
  public:
    SpanChunks(std::size_t count, bool overwrite);  // touches every page; std::bad_alloc
    SpanChunks(const SpanChunks&) = delete;
    SpanChunks& operator=(const SpanChunks&) = delete;

    // ---- any thread, lock-free

    // A free chunk; when overwriting, otherwise the oldest closed one, near enough. Null if there is none.
    [[nodiscard]] SpanChunk* acquire(std::int32_t thread) noexcept;
    // How many chunks have been acquired so far: the sequence of the next one.
    [[nodiscard]] std::uint64_t acquired() const noexcept { return acquired_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t overwritten() const noexcept { return overwritten_.load(std::memory_order_relaxed); }

    // ---- one reader at a time, which the owner sees to

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] SpanChunk& operator[](std::size_t i) noexcept { return chunks_[i]; }
    // False if nothing is in it. Until unpinned, it is not reused; its owner goes on writing.
    [[nodiscard]] bool pin(SpanChunk& chunk) noexcept;
    void unpin(SpanChunk& chunk) noexcept;
    // Takes note that `drained` records were taken away, unpins, and frees it if that was all there will ever be.
    void unpin_drained(SpanChunk& chunk, std::uint32_t drained) noexcept;

    // Closes every chunk whose owner has ceased to be: in the child of a fork.
    void close_all() noexcept;

  private:
    struct Unmap {
        std::size_t bytes;
        void operator()(SpanChunk* chunks) const noexcept;
    };

    const std::size_t count_;
    const bool overwrite_;
    std::unique_ptr<SpanChunk[], Unmap> chunks_;
    alignas(64) std::atomic<std::uint64_t> acquired_{0};
    std::atomic<std::uint64_t> cursor_{0};
    std::atomic<std::int64_t> free_;  // a full pool is refused without a search
    std::atomic<std::uint64_t> overwritten_{0};
};

}  // namespace inference_bench

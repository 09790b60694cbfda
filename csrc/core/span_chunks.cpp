#include "span_chunks.hpp"

#include <sys/mman.h>

#include <new>

namespace inference_bench {
namespace {

SpanChunk* map_touched(std::size_t bytes) {
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    // Zeroes are a valid, free SpanChunk. Populating may stop short without saying so.
    volatile char* const page = static_cast<char*>(memory);
    for (std::size_t at = 0; at < bytes; at += 4096) page[at] = 0;
    return static_cast<SpanChunk*>(memory);
}

}  // namespace

void SpanChunks::Unmap::operator()(SpanChunk* chunks) const noexcept { munmap(chunks, bytes); }

SpanChunks::SpanChunks(std::size_t count, bool overwrite)
    : count_(count),
      overwrite_(overwrite),
      chunks_(map_touched(count * sizeof(SpanChunk)), Unmap{count * sizeof(SpanChunk)}),
      free_(static_cast<std::int64_t>(count)) {}

SpanChunk* SpanChunks::acquire(std::int32_t thread) noexcept {
    if (!overwrite_ && free_.load(std::memory_order_relaxed) <= 0) return nullptr;
    for (std::size_t tries = 0; tries < count_; ++tries) {
        // The cursor goes round in the order in which chunks were acquired, so the next closed one is about the oldest.
        SpanChunk& chunk = chunks_[cursor_.fetch_add(1, std::memory_order_relaxed) % count_];
        std::uint32_t state = chunk.state.load(std::memory_order_relaxed);
        if (state != SpanChunk::Free && !(overwrite_ && state == SpanChunk::Closed)) continue;
        if (!chunk.state.compare_exchange_strong(state, SpanChunk::Acquired, std::memory_order_acquire)) continue;
        if (state == SpanChunk::Free) {
            free_.fetch_sub(1, std::memory_order_relaxed);
        } else {
            overwritten_.fetch_add(chunk.size.load(std::memory_order_relaxed) - chunk.drained,
                                   std::memory_order_relaxed);
        }
        chunk.drained = 0;
        chunk.thread = thread;
        // Released, so that a reader of acquired() finds every chunk that this thread owned before.
        chunk.sequence.store(acquired_.fetch_add(1, std::memory_order_release), std::memory_order_relaxed);
        chunk.size.store(0, std::memory_order_relaxed);
        chunk.state.store(SpanChunk::Owned, std::memory_order_release);
        return &chunk;
    }
    return nullptr;
}

bool SpanChunks::pin(SpanChunk& chunk) noexcept {
    // Compare and exchange, so that a free chunk is never pinned, not even for a moment: it would be missed by
    // acquire().
    std::uint32_t state = chunk.state.load(std::memory_order_relaxed);
    while (state >= SpanChunk::Owned) {
        if (chunk.state.compare_exchange_weak(state, state | SpanChunk::Pinned, std::memory_order_acquire)) return true;
    }
    return false;
}

void SpanChunks::unpin(SpanChunk& chunk) noexcept {
    chunk.state.fetch_and(~static_cast<std::uint32_t>(SpanChunk::Pinned), std::memory_order_release);
}

void SpanChunks::unpin_drained(SpanChunk& chunk, std::uint32_t drained) noexcept {
    chunk.drained = drained;
    const bool closed = chunk.state.load(std::memory_order_acquire) == (SpanChunk::Closed | SpanChunk::Pinned);
    if (!closed || drained < chunk.size.load(std::memory_order_relaxed)) return unpin(chunk);
    // Closed and pinned: nobody else changes the state.
    chunk.state.store(SpanChunk::Free, std::memory_order_release);
    free_.fetch_add(1, std::memory_order_relaxed);
}

void SpanChunks::close_all() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        SpanChunk& chunk = chunks_[i];
        const std::uint32_t state = chunk.state.load(std::memory_order_relaxed);
        if (state == SpanChunk::Acquired) {
            chunk.drained = 0;
            chunk.size.store(0, std::memory_order_relaxed);
        }
        if (state != SpanChunk::Free) chunk.state.store(SpanChunk::Closed, std::memory_order_relaxed);
    }
}

}  // namespace inference_bench

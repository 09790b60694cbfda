// Ended intervals that wait for the GPU, in one queue per stream.
#pragma once

#include <array>
#include <cstddef>

#include "cuda_event_pool.hpp"

namespace inference_bench::cuda {

// Events of a stream complete in the order in which they were recorded, so only the oldest is ever asked for.
struct StreamQueue {
    Stream stream = nullptr;
    EventPair* oldest = nullptr;
    EventPair* newest = nullptr;

    void push(EventPair* pair) noexcept {
        pair->next = nullptr;
        if (oldest == nullptr) {
            oldest = pair;
        } else {
            newest->next = pair;
        }
        newest = pair;
    }

    void pop() noexcept { oldest = oldest->next; }
};

class StreamQueues {
  public:
    // Takes a list as PairStack::take_all() returns it.
    void add(EventPair* newest_first) noexcept {
        EventPair* oldest = reversed(newest_first);
        while (oldest != nullptr) {
            EventPair* const newer = oldest->next;
            queue_of(oldest->stream).push(oldest);
            oldest = newer;
        }
    }

    [[nodiscard]] StreamQueue* begin() noexcept { return queues_.data(); }
    [[nodiscard]] StreamQueue* end() noexcept { return queues_.data() + count_; }

  private:
    static constexpr std::size_t kMaxQueues = 64;  // further streams share the last: read later, not wrongly

    [[nodiscard]] static EventPair* reversed(EventPair* newest) noexcept {
        EventPair* oldest = nullptr;
        while (newest != nullptr) {
            EventPair* const older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
        }
        return oldest;
    }

    [[nodiscard]] StreamQueue& queue_of(Stream stream) noexcept {
        for (StreamQueue& queue : *this) {
            if (queue.stream == stream) return queue;
        }
        if (count_ == kMaxQueues) return queues_.back();
        StreamQueue& fresh = queues_[count_];
        fresh.stream = stream;
        ++count_;
        return fresh;
    }

    std::array<StreamQueue, kMaxQueues> queues_{};
    std::size_t count_ = 0;
};

}  // namespace inference_bench::cuda

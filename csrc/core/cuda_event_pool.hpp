// Pairs of events, made before anything is measured and used again and again: creating one costs 2 us, on some machines
// 10 ms, and takes locks that launches need.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda_context.hpp"

namespace inference_bench::cuda {

// One interval that was begun and not yet read, with the events that time it.
struct EventPair {
    Event begin;
    Event end;
    EventPair* next;  // in the list that holds it

    std::uint64_t id;
    Stream stream;
    std::uint32_t calls;
    Result error;  // of recording
    // Host ticks around the recording of each event.
    std::uint64_t before_begin, after_begin, before_end, after_end;
};

// Any thread pushes, any thread takes everything: without locks, and without the ABA problem that popping one would
// have.
class PairStack {
  public:
    void push(EventPair* pair) noexcept {
        pair->next = top_.load(std::memory_order_relaxed);
        while (!top_.compare_exchange_weak(pair->next, pair)) {
        }
    }
    [[nodiscard]] EventPair* take_all() noexcept { return top_.exchange(nullptr); }
    [[nodiscard]] bool empty() const noexcept { return top_.load() == nullptr; }

  private:
    std::atomic<EventPair*> top_{nullptr};
};

class CudaEventPool {
  public:
    static constexpr std::size_t kMaxPairs = std::size_t{1} << 20;

    explicit CudaEventPool(const CudaContext& context) noexcept : context_(context) {}
    ~CudaEventPool();
    CudaEventPool(const CudaEventPool&) = delete;
    CudaEventPool& operator=(const CudaEventPool&) = delete;

    // Off the hot path, the context being current. Throws std::runtime_error, keeping what it had got to.
    void grow(std::size_t pairs);
    [[nodiscard]] std::size_t size() const noexcept { return pairs_.size(); }

    // Null when all are in use. One thread at a time.
    [[nodiscard]] EventPair* take() noexcept {
        if (free_ == nullptr) free_ = returned_.take_all();
        EventPair* const pair = free_;
        if (pair != nullptr) free_ = pair->next;
        return pair;
    }
    // From any thread.
    void give_back(EventPair* pair) noexcept { returned_.push(pair); }

  private:
    const CudaContext& context_;
    std::vector<std::unique_ptr<EventPair>> pairs_;
    EventPair* free_ = nullptr;
    PairStack returned_;
};

}  // namespace inference_bench::cuda

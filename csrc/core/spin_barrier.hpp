// Threads that go on together, within a fraction of a microsecond where each has a CPU.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace inference_bench {

class SpinBarrier {
  public:
    explicit SpinBarrier(std::uint32_t threads) noexcept : threads_(threads) {}

    // True when all threads are here; what each wrote before is then seen by all. False once the barrier is abandoned.
    // A thread that waits long gives its CPU up, in case one that is awaited has none.
    [[nodiscard]] bool wait() noexcept {
        const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
            arrived_.store(0, std::memory_order_relaxed);
            turn_.store(turn + 1, std::memory_order_release);
        }
        for (std::uint32_t looks = 0; turn_.load(std::memory_order_acquire) == turn; ++looks) {
            if (abandoned()) return false;
            if (looks >= kLooks) sched_yield();
        }
        return !abandoned();
    }

    // From any thread: no wait blocks any more.
    void abandon() noexcept { abandoned_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool abandoned() const noexcept { return abandoned_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::uint32_t kLooks = 10'000;

    const std::uint32_t threads_;
    std::atomic<std::uint32_t> arrived_{0};
    std::atomic<std::uint32_t> turn_{0};
    std::atomic<bool> abandoned_{false};
};

}  // namespace inference_bench

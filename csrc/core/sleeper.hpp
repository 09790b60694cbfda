// Waits for a moment of the clock: sleeps first, spins for the last stretch, and can be stopped at any time.
#pragma once

#include <atomic>
#include <cstdint>

#include "spin_tail.hpp"

namespace inference_bench {

enum class Wake : std::uint8_t {
    Due,
    Stopped,
    Interrupted,  // by a signal, which the caller may want to handle before it goes on
};

// Any number of threads may wait at a time.
class Sleeper {
  public:
    static constexpr std::int64_t kDefaultSpinNs = 200'000;

    // Spins for at most usable_spin_ns() of this before each deadline. std::invalid_argument.
    explicit Sleeper(std::int64_t longest_spin_ns);

    // Returns at `due_ns` of now_ns(), or at once if that has passed; `woken_ns` is then when it did.
    // The clock must be calibrated.
    Wake wait_until(std::int64_t due_ns, std::int64_t& woken_ns) noexcept;

    // Ends every wait, present and future.
    void stop() noexcept;
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire) != 0; }
    [[nodiscard]] std::int64_t spin_ns() const noexcept { return tail_.ns(); }

  private:
    [[nodiscard]] bool sleep(std::int64_t ns) noexcept;  // false if a signal came

    SpinTail tail_;
    std::atomic<std::uint32_t> stopped_{0};  // a futex
};

}  // namespace inference_bench

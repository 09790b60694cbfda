// How long before its deadline a sleeper stops sleeping and spins: as long as wake-ups on this machine are late.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace inference_bench {

// Follows one quantile of what wake-ups overshot by: it grows by much after a later one and shrinks by little after an
// earlier one, and comes to rest where kCovered of them are earlier. Several threads may report; one report lost to a
// race is made good by the next.
class SpinTail {
  public:
    static constexpr std::int64_t kShortestNs = 2'000;
    static constexpr std::int64_t kLongestNs = 1'000'000;
    // Where other threads have no other CPU: as long as a usual wake-up is late, but no thread notices it.
    static constexpr std::int64_t kLongestOnOneCpuNs = 50'000;
    static constexpr std::int64_t kFirstNs = 100'000;
    static constexpr double kCovered = 0.99;

    // 0 never spins.
    explicit SpinTail(std::int64_t longest_ns) noexcept
        : longest_ns_(longest_ns), ns_(std::min(longest_ns, kFirstNs)) {}

    [[nodiscard]] std::int64_t ns() const noexcept { return ns_.load(std::memory_order_relaxed); }

    void overshot(std::int64_t ns) noexcept {
        // A delay beyond the longest tail, such as a core stolen for 4 ms, does not lengthen it.
        if (ns > longest_ns_) return;
        const std::int64_t now = this->ns();
        // A share of the present length, so that it finds 10 us as soon as 100.
        const double step = static_cast<double>(now) / 16 * (ns > now ? kCovered : kCovered - 1);
        ns_.store(std::clamp(now + static_cast<std::int64_t>(step), std::min(kShortestNs, longest_ns_), longest_ns_),
                  std::memory_order_relaxed);
    }

  private:
    const std::int64_t longest_ns_;
    std::atomic<std::int64_t> ns_;
};

// The longest tail that a caller may have who asks for this one: at most kLongestOnOneCpuNs where it may run on a
// single CPU, since it keeps all others from running. Throws std::invalid_argument outside of 0 to kLongestNs.
[[nodiscard]] std::int64_t usable_spin_ns(std::int64_t longest_ns);

}  // namespace inference_bench

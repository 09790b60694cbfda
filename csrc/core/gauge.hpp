// A number that goes up and down: requests in flight, tokens in the cache.
#pragma once

#include <atomic>
#include <cmath>

#include "cell.hpp"

namespace inference_bench {

class Gauge {
  public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }

    // False, and nothing happens, if it would pass the largest double.
    template <Writers W>
    bool add(double delta) noexcept {
        double before = value();
        do {
            if (!std::isfinite(before + delta)) return false;
            if constexpr (W == Writers::One) {
                set(before + delta);
                return true;
            }
        } while (!value_.compare_exchange_weak(before, before + delta, std::memory_order_relaxed));
        return true;
    }

    [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0.0};
};

}  // namespace inference_bench

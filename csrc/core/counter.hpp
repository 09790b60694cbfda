// A number that only grows.
#pragma once

#include "cell.hpp"

namespace inference_bench {

class Counter {
  public:
    static constexpr std::uint64_t kMax = INT64_MAX;

    template <Writers W>
    void increment() noexcept {
        add_to<W>(value_, 1);
    }

    // False, and nothing happens, if it would pass INT64_MAX.
    template <Writers W>
    bool add(std::uint64_t n) noexcept {
        std::uint64_t before = value();
        do {
            if (n > kMax || before > kMax - n) return false;
            if constexpr (W == Writers::One) {
                value_.store(before + n, std::memory_order_relaxed);
                return true;
            }
        } while (!value_.compare_exchange_weak(before, before + n, std::memory_order_relaxed));
        return true;
    }

    [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    Cell value_{0};
};

}  // namespace inference_bench

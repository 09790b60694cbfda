#include "clock.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace ib = inference_bench;

TEST_CASE("the clock lies on the CLOCK_MONOTONIC_RAW scale") {
    static_cast<void>(ib::now_ns());
    const auto before = static_cast<std::int64_t>(ib::detail::read_clock_ns(CLOCK_MONOTONIC_RAW));
    const std::int64_t now = ib::now_ns();
    const auto after = static_cast<std::int64_t>(ib::detail::read_clock_ns(CLOCK_MONOTONIC_RAW));
    // A machine that stalls between two readings only widens the sandwich; the clock itself is off by microseconds.
    CHECK(now >= before - 100'000);
    CHECK(now <= after + 100'000);
}

TEST_CASE("what was converted stays converted, and readers need no lock while another thread steers") {
    const std::uint64_t tick = ib::ticks();
    const std::int64_t ns = ib::ticks_to_ns(tick);
    std::vector<std::thread> readers;
    std::atomic<bool> ordered{true};
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&ordered] {
            std::int64_t last = 0;
            for (int n = 0; n < 20'000; ++n) {
                const std::int64_t now = ib::now_ns();
                if (now < last) ordered = false;
                last = now;
            }
        });
    }
    for (int i = 0; i < 50; ++i) ib::recalibrate_clock();
    for (std::thread& reader : readers) reader.join();
    CHECK(ordered);
    CHECK(ib::ticks_to_ns(tick) == ns);
}

#include "kernel_clock.hpp"

#include <doctest/doctest.h>

#include "clock.hpp"

using inference_bench::ClockPair;
using inference_bench::KernelClock;
using inference_bench::KernelTimes;

namespace {

constexpr std::int64_t kEpoch = 1'800'000'000'000'000'000;  // of CLOCK_REALTIME where now_ns() is 0
constexpr std::int64_t kS = 1'000'000'000;

ClockPair pair(std::int64_t now_ns, std::int64_t ahead_ns) { return {kEpoch + now_ns + ahead_ns, now_ns, 100}; }

}  // namespace

TEST_CASE("stamps are mapped by a straight line between the comparisons around them") {
    const KernelTimes times({pair(0, 0), pair(kS, 100'000), pair(2 * kS, 100'000)});
    CHECK(times.to_now_ns(kEpoch, 1) == 0);
    CHECK(times.to_now_ns(kEpoch + kS / 2 + 50'000, kS / 2) == kS / 2);
    CHECK(times.to_now_ns(kEpoch + kS + kS / 4 + 100'000, 2 * kS - 1) == kS + kS / 4);
}

TEST_CASE("what was read after a comparison may have come before it") {
    const KernelTimes times({pair(0, 0), pair(kS, 100'000), pair(2 * kS, 100'000)});
    CHECK(times.to_now_ns(kEpoch + kS / 2 + 50'000, kS + 5) == kS / 2);
    CHECK(times.to_now_ns(kEpoch + kS / 2 + 50'000, 3 * kS) == kS / 2);
}

TEST_CASE("outside of all comparisons the nearest one holds") {
    const KernelTimes times({pair(kS, 7), pair(2 * kS, 7)});
    CHECK(times.to_now_ns(kEpoch + 7, 1) == 0);
    CHECK(times.to_now_ns(kEpoch + 3 * kS + 7, 3 * kS + 5) == 3 * kS);
}

TEST_CASE("a stamp is not known where the clock was set at about that time") {
    for (const std::int64_t jump : {10 * kS, -10 * kS, 5'000'000L}) {
        const KernelTimes times({pair(0, 0), pair(kS, 0), pair(2 * kS, jump), pair(3 * kS, jump)});
        CHECK(times.to_now_ns(kEpoch + kS / 2, kS / 2 + 5) == kS / 2);
        CHECK(times.to_now_ns(kEpoch + kS + kS / 2, kS + kS / 2 + 5) == KernelTimes::kNone);
        CHECK(times.to_now_ns(kEpoch + jump + 2 * kS + 5, 2 * kS + 9) == 2 * kS + 5);
    }
    CHECK(KernelTimes({pair(0, 0)}).to_now_ns(KernelTimes::kNone, 5) == KernelTimes::kNone);
}

TEST_CASE("the kernel's clock is compared with ours") {
    KernelClock clock;
    for (int i = 0; i < 3; ++i) {
        const std::int64_t before = inference_bench::now_ns();
        const auto realtime = static_cast<std::int64_t>(inference_bench::detail::read_clock_ns(CLOCK_REALTIME));
        const std::int64_t after = inference_bench::now_ns();
        clock.compare();
        const std::int64_t mapped = clock.times().to_now_ns(realtime, after);
        CHECK(mapped > before - 1'000'000);
        CHECK(mapped < after + 1'000'000);
    }
}

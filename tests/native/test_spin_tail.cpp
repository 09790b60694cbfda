#include "spin_tail.hpp"

#include <doctest/doctest.h>

#include <random>

using inference_bench::SpinTail;

TEST_CASE("the tail finds the quantile of what it is told, from above and from below") {
    for (const std::int64_t scale : {10'000, 100'000}) {
        SpinTail tail(1'000'000);
        std::mt19937 engine(3);
        std::uniform_int_distribution<std::int64_t> overshoot(0, scale);
        int covered = 0;
        for (int i = 0; i < 40'000; ++i) {
            const std::int64_t ns = overshoot(engine);
            if (i >= 20'000 && ns <= tail.ns()) ++covered;
            tail.overshot(ns);
        }
        CAPTURE(scale);
        CHECK(covered / 20'000.0 == doctest::Approx(SpinTail::kCovered).epsilon(0.01));
    }
}

TEST_CASE("overshoots that no tail could cover do not lengthen it") {
    SpinTail tail(200'000);
    const std::int64_t before = tail.ns();
    for (int i = 0; i < 100; ++i) tail.overshot(4'000'000);
    CHECK(tail.ns() == before);
}

TEST_CASE("the tail keeps to its limits") {
    SpinTail tail(50'000);
    CHECK(tail.ns() == 50'000);
    for (int i = 0; i < 1'000; ++i) tail.overshot(50'000);
    CHECK(tail.ns() == 50'000);
    for (int i = 0; i < 100'000; ++i) tail.overshot(0);
    CHECK(tail.ns() == SpinTail::kShortestNs);
    SpinTail off(0);
    off.overshot(0);
    CHECK(off.ns() == 0);
}

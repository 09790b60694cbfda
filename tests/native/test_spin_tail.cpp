#include "spin_tail.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <random>
#include <stdexcept>
#include <thread>

using inference_bench::SpinTail;
using inference_bench::usable_spin_ns;

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

TEST_CASE("on a single CPU a spin is short, and none stays none") {
    std::thread([] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
        CHECK(usable_spin_ns(1'000'000) == SpinTail::kLongestOnOneCpuNs);
        CHECK(usable_spin_ns(20'000) == 20'000);
        CHECK(usable_spin_ns(0) == 0);
    }).join();
}

TEST_CASE("a spin that none may ask for is refused") {
    CHECK_THROWS_AS(static_cast<void>(usable_spin_ns(-1)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(usable_spin_ns(SpinTail::kLongestNs + 1)), std::invalid_argument);
}

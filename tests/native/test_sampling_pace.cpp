#include "sampling_pace.hpp"

#include <doctest/doctest.h>

using inference_bench::SamplingPace;

TEST_CASE("deadlines lie on the grid, however late each sample was") {
    SamplingPace pace(1'000, 100, 1.0);
    CHECK(pace.next(1'010, 0) == 1'100);
    CHECK(pace.next(1'199, 0) == 1'200);
    CHECK(pace.missed() == 0);
}

TEST_CASE("one deadline past by less than an interval is still due") {
    SamplingPace pace(1'000, 100, 1.0);
    CHECK(pace.next(1'150, 0) == 1'100);
    CHECK(pace.missed() == 0);
}

TEST_CASE("deadlines wholly past are counted and skipped, never caught up with") {
    SamplingPace pace(1'000, 100, 1.0);
    CHECK(pace.next(1'350, 0) == 1'300);
    CHECK(pace.missed() == 2);
    CHECK(pace.next(1'360, 0) == 1'400);
    CHECK(pace.missed() == 2);
}

TEST_CASE("the interval doubles when sampling stays above its budget, and not for one dear sample") {
    SamplingPace pace(0, 1'000'000, 0.01);  // 10 us a sample
    std::int64_t now = 0;
    for (int i = 0; i < 100; ++i) now = pace.next(now, i % 50 == 0 ? 4'000'000 : 5'000);
    CHECK(pace.lengthened() == 0);
    for (int i = 0; i < 100; ++i) now = pace.next(now, 19'000);
    CHECK(pace.interval_ns() == 2'000'000);
    CHECK(pace.lengthened() == 1);
}

TEST_CASE("a coarse grid does not wait for as many samples as a fine one to see that each is dear") {
    SamplingPace pace(0, 100'000'000, 0.01);  // 1 ms a sample
    std::int64_t now = 0;
    for (int i = 0; i < 16; ++i) now = pace.next(now, 3'400'000);
    CHECK(pace.interval_ns() == 200'000'000);
    for (int i = 0; i < 16; ++i) now = pace.next(now, 3'400'000);
    CHECK(pace.interval_ns() == 400'000'000);
    for (int i = 0; i < 100; ++i) now = pace.next(now, 3'400'000);
    CHECK(pace.interval_ns() == 400'000'000);
}

TEST_CASE("the interval is not lengthened beyond what could show anything") {
    SamplingPace pace(0, 400'000'000, 0.01);
    std::int64_t now = 0;
    for (int i = 0; i < 1'000; ++i) now = pace.next(now, 1'000'000'000);
    CHECK(pace.interval_ns() == 800'000'000);
}

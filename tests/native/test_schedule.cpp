#include "schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

using inference_bench::Schedule;

namespace {

struct Moments {
    double mean;
    double deviation;
};

Moments gaps(const Schedule& schedule) {
    double sum = 0;
    double squares = 0;
    std::int64_t before = 0;
    for (const std::int64_t at : schedule.offsets_ns) {
        const auto gap = static_cast<double>(at - before);
        sum += gap;
        squares += gap * gap;
        before = at;
    }
    const auto n = static_cast<double>(schedule.offsets_ns.size());
    return {sum / n, std::sqrt(squares / n - sum / n * sum / n)};
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("the generator is the one that the standard fixes") {
    std::mt19937_64 engine;
    engine.discard(9'999);
    CHECK(engine() == 9'981'545'732'273'789'042U);
}

TEST_CASE("a constant schedule adds up thirds of a nanosecond without losing any") {
    const Schedule s = Schedule::constant(3, 3'000'000);
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}, s.offsets_ns.size() - 1}) {
        const auto exact = static_cast<std::int64_t>((i + 1) * 1'000'000'000 / 3);
        CHECK(std::abs(s.offsets_ns[i] - exact) <= 1);
    }
}

TEST_CASE("a Poisson schedule has exponential gaps") {
    const Schedule s = Schedule::poisson(1'000, 200'000, 7);
    CHECK(std::is_sorted(s.offsets_ns.begin(), s.offsets_ns.end()));
    const Moments m = gaps(s);
    CHECK(m.mean == doctest::Approx(1e6).epsilon(0.01));
    CHECK(m.deviation == doctest::Approx(1e6).epsilon(0.02));
}

TEST_CASE("a gamma schedule has the mean of its rate and the spread of its shape") {
    for (const double shape : {0.1, 0.5, 1.0, 4.0, 1e6}) {
        CAPTURE(shape);
        const Schedule s = Schedule::gamma(1'000, 200'000, shape, 7);
        CHECK(std::is_sorted(s.offsets_ns.begin(), s.offsets_ns.end()));
        const Moments m = gaps(s);
        CHECK(m.mean == doctest::Approx(1e6).epsilon(0.03));
        CHECK(m.deviation == doctest::Approx(1e6 / std::sqrt(shape)).epsilon(0.05));
    }
}

TEST_CASE("the seed decides all") {
    CHECK(Schedule::poisson(100, 50, 1).offsets_ns == Schedule::poisson(100, 50, 1).offsets_ns);
    CHECK(Schedule::poisson(100, 50, 1).offsets_ns != Schedule::poisson(100, 50, 2).offsets_ns);
    CHECK(Schedule::gamma(100, 50, 2, UINT64_MAX).offsets_ns == Schedule::gamma(100, 50, 2, UINT64_MAX).offsets_ns);
}

TEST_CASE("what no schedule can be made of is refused") {
    for (const double rate : {0.0, -1.0, kNaN, kInfinity, -kInfinity, 2e9}) {
        CAPTURE(rate);
        CHECK_THROWS_AS(Schedule::constant(rate, 1), std::invalid_argument);
        CHECK_THROWS_AS(Schedule::poisson(rate, 1, 0), std::invalid_argument);
    }
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
        CHECK_THROWS_AS(Schedule::constant(1, count), std::invalid_argument);
    }
    for (const double shape : {0.0, -1.0, kNaN, kInfinity, 0.001}) {
        CHECK_THROWS_AS(Schedule::gamma(1, 1, shape, 0), std::invalid_argument);
    }
    CHECK_THROWS_AS(Schedule::constant(1e-300, 2), std::invalid_argument);
    CHECK_THROWS_AS(Schedule::trace({}), std::invalid_argument);
    CHECK_THROWS_AS(Schedule::trace({-1}), std::invalid_argument);
    CHECK_THROWS_AS(Schedule::trace({2, 1}), std::invalid_argument);
    CHECK_THROWS_AS(Schedule::trace({INT64_MAX}), std::invalid_argument);
    CHECK_NOTHROW(Schedule::trace({0, 0, Schedule::kLongestNs}));
}

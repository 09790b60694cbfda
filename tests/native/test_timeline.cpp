#include "timeline.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using inference_bench::TickRate;
using inference_bench::Timeline;

TEST_CASE("a rate of one tick a nanosecond is exact over 290 years") {
    const TickRate rate = TickRate::from(1, 1);
    const std::uint64_t far = 9'000'000'000'000'000'000U;
    CHECK(rate.nanoseconds(far) == far);
}

TEST_CASE("a rate rounds by less than a nanosecond a year") {
    const std::uint64_t year_s = 31'556'952;
    for (const std::uint64_t hertz : {24'000'000U, 1'000'000'000U, 2'599'997'799U, 4'000'000'000U}) {
        CAPTURE(hertz);
        const TickRate rate = TickRate::from(1'000'000'000, hertz);
        const std::uint64_t ns = rate.nanoseconds(hertz * year_s);
        const std::uint64_t exact = year_s * 1'000'000'000U;
        CHECK((ns > exact ? ns - exact : exact - ns) <= 1);
    }
}

TEST_CASE("a rate's adjustment is in parts per billion") {
    const TickRate rate = TickRate::from(1, 1);
    CHECK(rate.adjusted(50'000).nanoseconds(1'000'000'000) == 1'000'050'000 - 1);  // rounded down
    CHECK(rate.adjusted(-50'000).nanoseconds(1'000'000'000) == 999'950'000);
}

TEST_CASE("ticks before the origin convert backwards") {
    Timeline timeline;
    timeline.begin(1'000, 5'000, TickRate::from(2, 1));
    CHECK(timeline.nanoseconds(900) == 4'800);
    CHECK(timeline.nanoseconds(1'000) == 5'000);
    CHECK(timeline.nanoseconds(1'100) == 5'200);
}

TEST_CASE("a new slope leaves the past as it was and joins it without a step") {
    Timeline timeline;
    timeline.begin(0, 0, TickRate::from(1, 1));
    const std::int64_t before = timeline.nanoseconds(999'999);
    REQUIRE(timeline.append(1'000'000, TickRate::from(3, 1)));
    CHECK(timeline.nanoseconds(999'999) == before);
    CHECK(timeline.nanoseconds(1'000'000) == 1'000'000);
    CHECK(timeline.nanoseconds(1'000'010) == 1'000'030);
}

TEST_CASE("a slope cannot begin in the past") {
    Timeline timeline;
    timeline.begin(100, 0, TickRate::from(1, 1));
    CHECK_FALSE(timeline.append(100, TickRate::from(2, 1)));
    CHECK_FALSE(timeline.append(99, TickRate::from(2, 1)));
    CHECK(timeline.size() == 1);
}

TEST_CASE("many slopes: monotone, found by search, and the array conversion agrees") {
    Timeline timeline;
    std::mt19937_64 random(7);
    timeline.begin(1'000, 0, TickRate::from(5, 13));
    std::uint64_t at = 1'000;
    for (int i = 0; i < 1'000; ++i) {
        at += 1 + random() % 10'000;
        REQUIRE(timeline.append(at, TickRate::from(4 + random() % 3, 13)));
    }
    std::vector<std::uint64_t> ticks;
    for (std::uint64_t t = 0; t < at + 10'000; t += random() % 50) ticks.push_back(t);
    std::vector<std::int64_t> ns(ticks.size());
    timeline.convert(ticks.data(), ns.data(), ticks.size());
    for (std::size_t i = 0; i < ticks.size(); ++i) {
        REQUIRE(ns[i] == timeline.nanoseconds(ticks[i]));
        REQUIRE((i == 0 || ns[i] >= ns[i - 1]));
    }
}

TEST_CASE("a full timeline refuses and goes on converting") {
    Timeline timeline;
    timeline.begin(0, 0, TickRate::from(1, 1));
    std::uint64_t at = 0;
    while (timeline.append(++at, TickRate::from(1, 1))) {
    }
    CHECK(timeline.size() == Timeline::kCapacity);
    CHECK(timeline.nanoseconds(10 * at) == static_cast<std::int64_t>(10 * at));
}

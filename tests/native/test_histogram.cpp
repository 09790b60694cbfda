#include "histogram.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "counter.hpp"
#include "gauge.hpp"
#include "hdr_encoding.hpp"

using namespace inference_bench;

TEST_CASE("buckets tile the range without gap or overlap, and none is wider than its values allow") {
    for (const unsigned bits : {7U, 10U}) {
        const HistogramLayout layout(bits, HistogramLayout::kMaxHighest);
        std::uint64_t next = 0;
        for (std::size_t i = 0; i < layout.size(); ++i) {
            REQUIRE(layout.lowest(i) == next);
            REQUIRE(layout.index(layout.lowest(i)) == i);
            REQUIRE(layout.index(layout.highest(i)) == i);
            REQUIRE(layout.highest(i) - layout.lowest(i) <= layout.lowest(i) >> bits);
            next = layout.highest(i) + 1;
        }
        CHECK(next == std::uint64_t{1} << 63);
    }
}

TEST_CASE("the highest value is raised to the end of its power of two") {
    CHECK(HistogramLayout(7, 2).highest() == 255);
    CHECK(HistogramLayout(7, 256).highest() == 511);
    CHECK(HistogramLayout(10, 3'600'000'000'000).highest() == (std::uint64_t{1} << 42) - 1);
    CHECK(HistogramLayout(10, INT64_MAX).highest() == INT64_MAX);
}

TEST_CASE("values out of range are counted apart") {
    Histogram histogram({7, 1000});
    CHECK(histogram.record<Writers::One>(1023));
    CHECK_FALSE(histogram.record<Writers::One>(1024));
    CHECK_FALSE(histogram.record<Writers::One>(INT64_MAX));
    CHECK_FALSE(histogram.record<Writers::One>(INT64_MIN));
    const HistogramCounts counts = histogram.read();
    CHECK(counts.in_range() == 1);
    CHECK(counts.overflow() == 2);
    CHECK(counts.underflow() == 1);
    CHECK(counts.sum() == 1023);
}

template <Writers W>
void take_while_writing(unsigned writers) {
    constexpr std::int64_t kRounds = 200'000;
    Histogram histogram({10, INT64_MAX});
    std::atomic<unsigned> writing{writers};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < writers; ++i) {
        threads.emplace_back([&] {
            for (std::int64_t v = -1; v < kRounds; ++v) histogram.record<W>(v);
            --writing;
        });
    }
    HistogramCounts sum = histogram.take();
    while (writing > 0) sum = sum.merged(histogram.take());
    for (std::thread& thread : threads) thread.join();
    sum = sum.merged(histogram.take());
    CHECK(sum.in_range() == std::uint64_t{writers} * kRounds);
    CHECK(sum.underflow() == writers);
    CHECK(*sum.sum() == std::uint64_t{writers} * (kRounds * (kRounds - 1) / 2));
    CHECK(histogram.read().total() == 0);
}

TEST_CASE("nothing is lost or doubled by taking while one thread writes") { take_while_writing<Writers::One>(1); }
TEST_CASE("nor while several write") { take_while_writing<Writers::Many>(3); }

TEST_CASE("several threads lose no addition") {
    Counter counter;
    Gauge gauge;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 50'000; ++n) {
                counter.increment<Writers::Many>();
                static_cast<void>(counter.add<Writers::Many>(2));
                static_cast<void>(gauge.add<Writers::Many>(0.5));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(counter.value() == 600'000);
    CHECK(gauge.value() == 100'000.0);
}

TEST_CASE("a payload is read back as it was, and cut anywhere it is refused") {
    Histogram histogram({10, HistogramLayout::kMaxHighest});
    for (const std::int64_t v : {std::int64_t{0}, std::int64_t{5000}, std::int64_t{5001}, INT64_MAX}) {
        histogram.record<Writers::One>(v);
    }
    HistogramCounts counts = histogram.read();
    const std::string payload = encode_hdr(counts);
    counts.set_sum(std::nullopt);
    CHECK(decode_hdr(payload) == counts);
    for (std::size_t n = 0; n < payload.size(); ++n) {
        REQUIRE_THROWS_AS(static_cast<void>(decode_hdr(payload.substr(0, n))), std::invalid_argument);
    }
}

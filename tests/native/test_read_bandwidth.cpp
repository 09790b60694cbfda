#include "read_bandwidth.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

using inference_bench::kReadSumBytes;
using inference_bench::read_sums;
using inference_bench::ReadBandwidth;
using inference_bench::ReadSum;
using inference_bench::SpinBarrier;

namespace {

constexpr std::int64_t kSliceNs = 100'000'000;

void finish(ReadBandwidth& reading) {
    while (!reading.wait(kSliceNs)) {
    }
}

// Of the numbers from 0 on that a part of this many bytes holds.
std::uint64_t sum_of_part(std::uint64_t bytes) {
    const std::uint64_t n = bytes / sizeof n;
    return n * (n - 1) / 2;
}

}  // namespace

TEST_CASE("every kernel adds up all numbers, in every lane and beyond 64 bits") {
    constexpr std::size_t kNumbers = 3 * kReadSumBytes / sizeof(std::uint64_t);
    alignas(64) std::uint64_t numbers[kNumbers];
    for (std::size_t changed = 0; changed < kNumbers; ++changed) {
        std::iota(numbers, numbers + kNumbers, std::uint64_t{0});
        numbers[changed] = std::numeric_limits<std::uint64_t>::max();
        const std::uint64_t expected = std::accumulate(numbers, numbers + kNumbers, std::uint64_t{0});
        for (const ReadSum& kernel : read_sums()) {
            CAPTURE(kernel.name);
            REQUIRE(kernel.sum(numbers, sizeof numbers) == expected);
        }
    }
}

TEST_CASE("no kernel reads beyond its block") {
    alignas(64) std::uint64_t numbers[2 * kReadSumBytes / sizeof(std::uint64_t)] = {};
    numbers[kReadSumBytes / sizeof(std::uint64_t)] = 1;
    for (const ReadSum& kernel : read_sums()) {
        CAPTURE(kernel.name);
        CHECK(kernel.sum(numbers, 0) == 0);
        CHECK(kernel.sum(numbers, kReadSumBytes) == 0);
        CHECK(kernel.sum(numbers, 2 * kReadSumBytes) == 1);
    }
}

TEST_CASE("each repetition reads the whole working set as often as it says") {
    for (const std::int64_t threads : {1, 2, 3, 8}) {
        CAPTURE(threads);
        ReadBandwidth reading(1 << 20, threads, 5, 200'000);
        finish(reading);
        CHECK(reading.times_ns().size() == 5);
        CHECK(reading.passes() >= 1);
        const std::uint64_t part = reading.working_set_bytes() / static_cast<std::uint64_t>(threads);
        CHECK(part % kReadSumBytes == 0);
        CHECK((1 << 20) - reading.working_set_bytes() < static_cast<std::uint64_t>(threads) * kReadSumBytes);
        CHECK(reading.sum() == static_cast<std::uint64_t>(threads * reading.passes()) * sum_of_part(part));
        for (const std::int64_t ns : reading.times_ns()) CHECK(ns > 0);
    }
}

TEST_CASE("a repetition that needs not last reads once") {
    ReadBandwidth reading(1 << 16, 1, 3, 0);
    finish(reading);
    CHECK(reading.passes() == 1);
}

TEST_CASE("a measurement that is given up ends its threads, also in the middle of a repetition") {
    for (int i = 0; i < 20; ++i) {
        ReadBandwidth reading(1 << 16, 1 + i % 3, ReadBandwidth::kMostRepetitions, ReadBandwidth::kMostLeastNs);
        CHECK_FALSE(reading.wait(i * 100'000));
    }
}

TEST_CASE("what cannot be measured is refused") {
    const auto refuse = [](std::int64_t bytes, std::int64_t threads, std::int64_t repetitions, std::int64_t least_ns) {
        CHECK_THROWS_AS(ReadBandwidth(bytes, threads, repetitions, least_ns), std::invalid_argument);
    };
    refuse(511, 1, 1, 0);
    refuse(1023, 2, 1, 0);
    refuse(ReadBandwidth::kMostBytes + 1, 1, 1, 0);
    refuse(1024, 0, 1, 0);
    refuse(1 << 30, ReadBandwidth::kMostThreads + 1, 1, 0);
    refuse(1024, 1, 0, 0);
    refuse(1024, 1, ReadBandwidth::kMostRepetitions + 1, 0);
    refuse(1024, 1, 1, -1);
    refuse(1024, 1, 1, ReadBandwidth::kMostLeastNs + 1);
}

TEST_CASE("nobody passes a barrier before all are there") {
    constexpr std::uint32_t kThreads = 4;
    constexpr std::size_t kTurns = 2'000;
    SpinBarrier barrier(kThreads);
    std::vector<std::size_t> turns(kThreads, 0);
    std::atomic<int> early{0};
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t turn = 1; turn <= kTurns; ++turn) {
                turns[t] = turn;
                static_cast<void>(barrier.wait());
                for (const std::size_t other : turns) early += other != turn;
                static_cast<void>(barrier.wait());
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(early == 0);
}

TEST_CASE("an abandoned barrier lets everyone go") {
    SpinBarrier barrier(2);
    std::thread waiting([&] { CHECK_FALSE(barrier.wait()); });
    barrier.abandon();
    waiting.join();
    CHECK_FALSE(barrier.wait());
}

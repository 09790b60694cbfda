#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include "name_table.hpp"
#include "shared_spans.hpp"
#include "span_recorder.hpp"

using namespace inference_bench;

TEST_CASE("shared records keep their thread and their order, and the oldest give way") {
    const SpanChunks chunks(1, /*overwrite=*/true);
    SharedSpans shared(3, chunks);
    const auto add = [&](std::int64_t value) {
        REQUIRE(shared.add({1, 0, SpanKind::Instant, 0, 0, value}, static_cast<std::int32_t>(10 + value)));
    };
    for (std::int64_t value = 0; value < 5; ++value) add(value);
    CHECK(shared.size() == 3);
    CHECK(shared.overwritten() == 2);

    const SharedSpans::Contents read = shared.contents();
    REQUIRE(read.records.size() == 3);
    CHECK(read.records[0].record.value == 2);
    CHECK(read.records[1].thread == 13);

    // Two that were read are overwritten before they are taken away: they count as read.
    add(5);
    add(6);
    CHECK(shared.overwritten() == 4);
    shared.take(read);
    CHECK(shared.overwritten() == 2);
    REQUIRE(shared.size() == 2);
    CHECK(shared.contents().records[0].record.value == 5);
}

TEST_CASE("a thread that finds a chunk again keeps the order of its records") {
    SpanRecorder recorder({2'000, 0, true});  // two chunks
    recorder.start();
    const std::uint32_t name = intern_name("finds a chunk again");
    std::atomic<int> holding{0};
    std::atomic<bool> end{false};
    std::vector<std::thread> holders;
    for (int i = 0; i < 2; ++i) {
        holders.emplace_back([&] {
            record_moment(SpanKind::Instant, name, 0, -1);
            ++holding;
            while (!end) std::this_thread::yield();
        });
    }
    while (holding < 2) std::this_thread::yield();
    for (std::int64_t value = 0; value < 10; ++value) record_moment(SpanKind::Instant, name, 0, value);
    end = true;
    for (std::thread& holder : holders) holder.join();
    for (std::int64_t value = 10; value < 20; ++value) record_moment(SpanKind::Instant, name, 0, value);

    for (const DrainedSpans& drained : {recorder.snapshot(), recorder.drain()}) {
        std::vector<std::int64_t> own;
        for (std::size_t i = 0; i < drained.records.rows; ++i) {
            if (drained.records.value[i] >= 0) own.push_back(drained.records.value[i]);
        }
        std::vector<std::int64_t> expected(20);
        std::iota(expected.begin(), expected.end(), 0);
        CHECK(own == expected);
    }
}

TEST_CASE("threads without a chunk and a reader: everything is accounted for") {
    constexpr int kThreads = 12;
    constexpr std::uint64_t kEach = 20'000;
    SpanRecorder recorder({4'000, 0, true});
    recorder.start();
    const std::uint32_t name = intern_name("threads without a chunk");
    std::atomic<int> left{kThreads};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            for (std::uint64_t n = 0; n < kEach; ++n) record_moment(SpanKind::Instant, name, 0, 1);
            --left;
            while (left > 0) std::this_thread::yield();  // so that none gives its chunk back early
        });
    }
    std::uint64_t read = 0;
    while (left > 0) read += recorder.drain().records.rows;
    for (std::thread& thread : threads) thread.join();
    read += recorder.drain().records.rows;
    const SpanCounts counts = recorder.counts();
    CHECK(read == counts.recorded);
    CHECK(read + counts.lost_full + counts.overwritten == kThreads * kEach);
}

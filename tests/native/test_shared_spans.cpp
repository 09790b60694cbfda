#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "name_table.hpp"
#include "shared_spans.hpp"
#include "span_recorder.hpp"

using namespace inference_bench;

TEST_CASE("shared records keep their thread and their order, and the oldest give way") {
    SharedSpans shared(3);
    for (std::int64_t value = 0; value < 5; ++value) {
        REQUIRE(shared.add({1, 0, SpanKind::Instant, 0, 0, value}, static_cast<std::int32_t>(10 + value)));
    }
    CHECK(shared.size() == 3);
    CHECK(shared.overwritten() == 2);

    RecordColumns columns(3);
    shared.read(2, /*take=*/true, columns);
    REQUIRE(columns.rows == 2);
    CHECK(columns.value[0] == 2);
    CHECK(columns.thread[1] == 13);
    CHECK(shared.size() == 1);
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

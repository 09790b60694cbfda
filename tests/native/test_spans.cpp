#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "name_table.hpp"
#include "span_matcher.hpp"
#include "span_producer.hpp"
#include "span_recorder.hpp"

using namespace inference_bench;

namespace {

void mark(std::uint32_t name, std::int64_t value) { record_moment(SpanKind::Instant, name, 0, value); }

std::vector<std::int64_t> values(const DrainedSpans& drained) {
    return {drained.records.value.data(), drained.records.value.data() + drained.records.rows};
}

}  // namespace

TEST_CASE("a name is one number") {
    const std::uint32_t a = intern_name("a name");
    CHECK(intern_name("a name") == a);
    CHECK(intern_name("another name") != a);
    CHECK(interned_names().at(a) == "a name");
}

TEST_CASE("nothing is recorded while no recorder runs") {
    SpanRecorder recorder({});
    mark(0, 1);
    {
        const NativeSpan span(0);
    }
    CHECK(recorder.drain().records.rows == 0);
    CHECK_FALSE(recording());
}

TEST_CASE("a native span is one record, between its two ends") {
    const std::uint32_t name = intern_name("native");
    SpanRecorder recorder({});
    recorder.start();
    const std::int64_t before = now_ns();
    {
        const NativeSpan span(name, -7);
    }
    const std::int64_t after = now_ns();
    recorder.stop();
    const DrainedSpans drained = recorder.drain();
    REQUIRE(drained.records.rows == 1);
    CHECK(drained.records.name[0] == static_cast<std::int32_t>(name));
    CHECK(drained.records.value[0] == -7);
    CHECK(drained.records.thread[0] == gettid());
    CHECK(before <= drained.records.begin_ns[0]);
    CHECK(drained.records.begin_ns[0] <= drained.records.end_ns[0]);
    CHECK(drained.records.end_ns[0] <= after);
}

TEST_CASE("options out of range are refused") {
    CHECK_THROWS_AS(SpanRecorder({0, 0, false}), std::invalid_argument);
    CHECK_THROWS_AS(SpanRecorder({SpanRecorder::kMaxRecords + 1, 0, false}), std::invalid_argument);
    CHECK_THROWS_AS(SpanRecorder({1, -1, false}), std::invalid_argument);
    CHECK_THROWS_AS(SpanRecorder({1, 1, true}), std::invalid_argument);
}

TEST_CASE("only one recorder runs") {
    SpanRecorder first({}), second({});
    first.start();
    CHECK_THROWS_AS(first.start(), std::runtime_error);
    CHECK_THROWS_AS(second.start(), std::runtime_error);
    first.stop();
    second.start();
    CHECK(second.running());
    CHECK_FALSE(first.running());
}

TEST_CASE("discard: the newest are lost, counted, and no more than that") {
    SpanRecorder recorder({1, 0, false});
    const auto capacity = recorder.capacity();
    recorder.start();
    for (std::int64_t i = 0; i < capacity + 1'000; ++i) mark(0, i);
    const SpanCounts counts = recorder.counts();
    CHECK(counts.recorded == static_cast<std::uint64_t>(capacity));
    CHECK(counts.waiting == counts.recorded);
    CHECK(counts.lost_full == 1'000);
    std::vector<std::int64_t> expected(static_cast<std::size_t>(capacity));
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(values(recorder.drain()) == expected);
    mark(0, -1);
    CHECK(values(recorder.drain()) == std::vector<std::int64_t>{-1});
}

TEST_CASE("overwrite: the oldest are lost, counted, and a snapshot takes nothing away") {
    SpanRecorder recorder({10'000, 0, true});
    recorder.start();
    for (std::int64_t i = 0; i < 100'000; ++i) mark(0, i);
    const std::vector<std::int64_t> kept = values(recorder.snapshot());
    CHECK(kept.size() >= 10'000);
    CHECK(kept.back() == 99'999);
    CHECK(kept.back() - kept.front() + 1 == static_cast<std::int64_t>(kept.size()));
    CHECK(recorder.counts().overwritten == 100'000 - kept.size());
    CHECK(values(recorder.drain()) == kept);
    CHECK(recorder.snapshot().records.rows == 0);
}

// Each writer's values rise, so a record that was torn, repeated or lost without being counted would show.
void many_writers_and_a_reader(const SpanRecorderOptions& options, bool snapshots) {
    constexpr int kWriters = 8;
    constexpr std::int64_t kEach = 50'000;
    SpanRecorder recorder(options);
    recorder.start();
    std::atomic<int> running{kWriters};
    std::atomic<int> missing{kWriters};
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
        writers.emplace_back([&running, &missing] {
            // All exist at once, or a late writer might get the thread id of one that has ended.
            missing.fetch_sub(1);
            while (missing.load() > 0) std::this_thread::yield();
            const auto name = static_cast<std::uint32_t>(0);
            for (std::int64_t i = 0; i < kEach; ++i) {
                const NativeSpan span(name, i);
            }
            running.fetch_sub(1);
        });
    }
    std::map<std::int32_t, std::int64_t> last;
    std::uint64_t seen = 0;
    bool in_order = true;
    const auto take = [&] {
        const DrainedSpans drained = recorder.drain();
        for (std::size_t i = 0; i < drained.records.rows; ++i) {
            const auto known = last.emplace(drained.records.thread[i], -1).first;
            in_order = in_order && drained.records.value[i] > known->second;
            in_order = in_order && drained.records.begin_ns[i] <= drained.records.end_ns[i];
            known->second = drained.records.value[i];
        }
        seen += drained.records.rows;
    };
    while (running.load() > 0) {
        if (snapshots) static_cast<void>(recorder.snapshot());
        take();
        static_cast<void>(recorder.counts());
    }
    for (std::thread& writer : writers) writer.join();
    take();
    const SpanCounts counts = recorder.counts();
    CHECK(in_order);
    CHECK(counts.recorded == seen);
    CHECK(counts.waiting == 0);
    CHECK(seen + counts.lost_full + counts.overwritten == kWriters * kEach);
}

TEST_CASE("many writers: room for all") { many_writers_and_a_reader({1'000'000, 0, false}, false); }
TEST_CASE("many writers: discard") { many_writers_and_a_reader({30'000, 0, false}, true); }
TEST_CASE("many writers: fewer chunks than writers") { many_writers_and_a_reader({1, 0, false}, false); }
TEST_CASE("many writers: overwrite") { many_writers_and_a_reader({30'000, 0, true}, true); }
TEST_CASE("many writers: overwrite, fewer chunks than writers") { many_writers_and_a_reader({1, 0, true}, true); }
TEST_CASE("many writers: drainer") { many_writers_and_a_reader({30'000, 1'000'000, false}, true); }

TEST_CASE("a thread that ends gives its chunk back, also after its recorder is gone") {
    auto* recorder = new SpanRecorder({1, 0, false});  // two chunks
    recorder->start();
    for (int i = 0; i < 10; ++i) {
        std::thread([i] { mark(0, i); }).join();
        CHECK(values(recorder->drain()) == std::vector<std::int64_t>{i});
    }
    std::atomic<int> stage{0};
    std::thread outlives([&stage] {
        mark(0, 1);
        stage = 1;
        while (stage != 2) std::this_thread::yield();
    });
    while (stage != 1) std::this_thread::yield();
    delete recorder;
    stage = 2;
    outlives.join();
    CHECK_FALSE(recording());
}

TEST_CASE("recorders one after the other each get what was recorded while they ran") {
    SpanRecorder first({}), second({});
    for (int i = 0; i < 3; ++i) {
        first.start();
        mark(0, i);
        first.stop();
        second.start();
        mark(0, 10 + i);
        second.stop();
    }
    CHECK(values(first.drain()) == std::vector<std::int64_t>{0, 1, 2});
    CHECK(values(second.drain()) == std::vector<std::int64_t>{10, 11, 12});
}

TEST_CASE("the child of a fork is stopped, keeps what was recorded, and may start again") {
#if defined(__SANITIZE_THREAD__)
    const std::int64_t backlog = 0;  // its runtime refuses new threads, as the drainer is one, in the child of a fork
#else
    const std::int64_t backlog = 1'000;
#endif
    SpanRecorder recorder({1, backlog, false});
    recorder.start();
    mark(0, 1);
    const pid_t child = fork();
    if (child == 0) {
        bool good = !recording() && !recorder.running();
        mark(0, 2);
        good = good && values(recorder.drain()) == std::vector<std::int64_t>{1};
        recorder.start();
        mark(0, 3);
        recorder.stop();
        good = good && values(recorder.drain()) == std::vector<std::int64_t>{3};
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(recorder.running());
    CHECK(values(recorder.drain()) == std::vector<std::int64_t>{1});
}

// ---- matching

namespace {

SpanHalf half(std::int64_t ns, bool is_end, std::uint64_t id, std::int32_t name = 0) {
    return {ns, id, /*value=*/ns, name, /*thread=*/1, is_end};
}

}  // namespace

TEST_CASE("halves are matched by name and id, in whatever order they are found") {
    SpanMatcher matcher(10);
    const auto matched = matcher.match(
        {half(40, true, 1), half(30, true, 2), half(20, false, 2), half(10, false, 1), half(15, false, 1, /*name=*/5)});
    REQUIRE(matched.size() == 2);
    CHECK(matched[0].begin.ns == 20);
    CHECK(matched[0].end_ns == 30);
    CHECK(matched[1].begin.ns == 10);
    CHECK(matched[1].end_ns == 40);
    CHECK(matcher.open() == 1);
    CHECK(matcher.match({half(50, true, 1, 5)}).size() == 1);
    CHECK(matcher.open() == 0);
}

TEST_CASE("an end that was found before its beginning is kept for one more call") {
    SpanMatcher matcher(10);
    CHECK(matcher.match({half(20, true, 1)}).empty());
    CHECK(matcher.match({half(10, false, 1)}).size() == 1);
    CHECK(matcher.match({half(40, true, 1)}).empty());
    CHECK(matcher.match({}).empty());
    CHECK(matcher.unmatched_ends() == 1);
    CHECK(matcher.match({half(30, false, 1)}).empty());
}

TEST_CASE("an end that was kept takes no beginning that came after it") {
    SpanMatcher matcher(10);
    CHECK(matcher.match({half(20, true, 1), half(30, false, 1)}).empty());
    CHECK(matcher.match({}).empty());
    CHECK(matcher.open() == 1);
    CHECK(matcher.unmatched_ends() == 1);
}

TEST_CASE("of the open ones, the oldest are given up") {
    SpanMatcher matcher(2);
    CHECK(matcher.match({half(1, false, 1), half(3, false, 3), half(2, false, 2), half(4, false, 4)}).empty());
    CHECK(matcher.open() == 2);
    CHECK(matcher.unmatched_begins() == 2);
    CHECK(matcher.match({half(5, true, 3), half(6, true, 4)}).size() == 2);
}

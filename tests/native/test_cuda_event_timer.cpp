#include "cuda_event_timer.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <thread>

#include "fake_cuda_driver.hpp"

using namespace inference_bench::cuda;

TEST_CASE("one thread measures, one collects, one looks on, and the reader reads: every interval comes out once") {
    fake::host_rate = 1;
    const Driver driver = fake::driver();
    CudaEventTimer timer(driver, 16, CudaContext::kAnyDevice, true);
    std::atomic<bool> done{false};
    std::multiset<std::int64_t> ids;
    const auto collect = [&] {
        while (!timer.read_until(inference_bench::monotonic_ns() + 1'000'000'000)) {
        }
        const CudaColumns columns = timer.take_columns();
        for (std::size_t i = 0; i < columns.rows; ++i) ids.insert(columns.id[static_cast<std::ptrdiff_t>(i)]);
    };
    std::thread collector([&] {
        while (!done) collect();
    });
    std::thread onlooker([&] {
        while (!done) CHECK(timer.stats().capacity >= 16);
    });
    constexpr int kIntervals = 20'000;
    for (int i = 0; i < kIntervals; ++i) {
        std::uint64_t id = 0;
        REQUIRE(timer.begin(static_cast<std::uintptr_t>(i % 3), 1, id) == CudaEventTimer::Refusal::None);
        REQUIRE(timer.end(id) == CudaEventTimer::Refusal::None);
    }
    done = true;
    collector.join();
    onlooker.join();
    collect();
    const CudaTimerStats stats = timer.stats();
    CHECK(stats.begun == kIntervals);
    CHECK(static_cast<std::int64_t>(ids.size()) + stats.exhausted == kIntervals);
    CHECK(std::set<std::int64_t>(ids.begin(), ids.end()).size() == ids.size());
    fake::host_rate = 0;
}

TEST_CASE("a timer goes away with intervals open, pending and read, its reader at work") {
    fake::host_rate = 1;
    const Driver driver = fake::driver();
    for (int i = 0; i < 50; ++i) {
        CudaEventTimer timer(driver, 8, CudaContext::kAnyDevice, true);
        std::uint64_t id = 0;
        for (int n = 0; n < 6; ++n) {
            timer.begin(0, 1, id);
            if (n != 3) timer.end(id);
        }
    }
    fake::host_rate = 0;
}

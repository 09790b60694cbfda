#include "gpu_timeline.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "clock.hpp"
#include "fake_cuda_driver.hpp"

using namespace inference_bench::cuda;
using fake::device_ns;
using fake::host_origin_ns;
using fake::host_rate;
using fake::time_of;

namespace {

struct Fixture {
    Fixture() : driver(fake::driver()) {
        device_ns = 0, host_rate = 0;
        context = std::make_unique<CudaContext>(driver, 0);
    }
    // Where the axis puts an event of now, which by then may be another.
    std::int64_t locate_now(GpuTimeline& timeline, std::int64_t behind = 0) const {
        Event event = nullptr;
        driver.event_create(&event, kEventDefault);
        driver.event_record(event, nullptr);
        time_of(event) -= behind;
        std::int64_t gpu_ns = -1;
        CHECK(timeline.locate(event, gpu_ns) == kSuccess);
        driver.event_destroy(event);
        return gpu_ns;
    }
    Driver driver;
    std::unique_ptr<CudaContext> context;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an event every second for an hour: errors do not grow with the distance") {
    GpuTimeline timeline(*context);
    std::int64_t worst = 0;
    for (int second = 1; second <= 3600; ++second) {
        device_ns += 1'000'000'000 + second * std::int64_t{7919} % 100'003;  // irregular, as work is
        worst = std::max(worst, std::abs(locate_now(timeline) - device_ns));
    }
    // One reference would step by 250,000 ns at the end. 1,800 roundings of up to 122 ns add up like a random walk;
    // in step with each other they would grow to 25,000, but evenly, which the mapping between two anchors takes out.
    CHECK(worst < 10'000);
    CHECK(timeline.describe().rebases == 1800);
    CHECK(timeline.describe().longest_step_ns < 245);
}

TEST_CASE_FIXTURE(Fixture, "an event from before the reference lies before it") {
    GpuTimeline timeline(*context);
    device_ns = 5'000'000'000;
    CHECK(locate_now(timeline) == doctest::Approx(5e9).epsilon(1e-9));
    CHECK(timeline.describe().rebases == 1);
    CHECK(locate_now(timeline, 1'000'000) == doctest::Approx(4.999e9).epsilon(1e-9));
}

TEST_CASE_FIXTURE(Fixture, "a device clock that runs faster is mapped between two anchors") {
    host_origin_ns = inference_bench::now_ns();
    host_rate = 1.01;
    GpuTimeline timeline(*context);
    const std::int64_t before = inference_bench::now_ns();
    const std::int64_t middle = locate_now(timeline);
    const std::int64_t after = inference_bench::now_ns();
    const std::int64_t until = after + 20'000'000;
    while (inference_bench::now_ns() < until) {
    }
    CHECK(timeline.anchor() == kSuccess);
    const auto about = timeline.describe();
    CHECK(about.gpu_clock_ppm == doctest::Approx(10'000).epsilon(0.05));
    const std::int64_t mapped = timeline.to_host_ns(middle);
    CHECK(mapped >= before - about.anchor_width_ns - 10);
    CHECK(mapped <= after + about.anchor_width_ns + 10);
}

TEST_CASE_FIXTURE(Fixture, "anchors beyond the most are forgotten, but for the first") {
    GpuTimeline timeline(*context);
    for (int i = 0; i < 3000; ++i) {
        device_ns += 2'000'000;
        CHECK(timeline.anchor() == kSuccess);
    }
    CHECK(timeline.describe().anchors == 3001);
    CHECK(timeline.to_host_ns(device_ns) >= timeline.to_host_ns(0));
}

TEST_CASE_FIXTURE(Fixture, "what is not a number is an error, not a time") {
    GpuTimeline timeline(*context);
    driver.event_elapsed_time = [](float* ms, Event, Event) { return *ms = std::nanf(""), kSuccess; };
    Event event = nullptr;
    driver.event_create(&event, kEventDefault);
    std::int64_t gpu_ns = 17;
    CHECK(timeline.locate(event, gpu_ns) == kUnknown);
    CHECK(gpu_ns == 17);
    driver.event_destroy(event);
}

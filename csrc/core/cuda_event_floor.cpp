#include "cuda_event_floor.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "clock.hpp"

namespace inference_bench::cuda {
namespace {

constexpr std::size_t kFloorPairs = 64;
constexpr std::size_t kWarmUpPairs = 8;

void record_all(const Driver& driver, const std::vector<EventPair*>& pairs, Stream stream) {
    for (std::size_t i = 0; i < kWarmUpPairs; ++i) {
        driver.check(driver.event_record(pairs[i % pairs.size()]->begin, stream), "cuEventRecord");
    }
    Result result = kSuccess;
    for (EventPair* const pair : pairs) {
        pair->before_begin = ticks();
        const Result begun = driver.event_record(pair->begin, stream);
        pair->after_begin = ticks();
        const Result ended = driver.event_record(pair->end, stream);
        if (begun != kSuccess || ended != kSuccess) result = begun != kSuccess ? begun : ended;
    }
    driver.check(result, "cuEventRecord");
}

std::int64_t elapsed_ns(const Driver& driver, const EventPair& pair) {
    float ms = 0;
    driver.check(driver.event_elapsed_time(&ms, pair.begin, pair.end), "cuEventElapsedTime");
    return std::llround(static_cast<double>(ms) * 1e6);
}

}  // namespace

EventFloor measure_event_floor(const Driver& driver, CudaEventPool& pool, Stream idle_stream) {
    std::vector<EventPair*> pairs(std::min(kFloorPairs, pool.size()));
    for (EventPair*& pair : pairs) pair = pool.take();
    record_all(driver, pairs, idle_stream);
    driver.check(driver.event_synchronize(pairs.back()->end), "cuEventSynchronize");
    std::vector<std::int64_t> gpu, record;
    for (EventPair* const pair : pairs) {
        gpu.push_back(elapsed_ns(driver, *pair));
        record.push_back(ticks_to_ns(pair->after_begin) - ticks_to_ns(pair->before_begin));
        pool.give_back(pair);
    }
    std::sort(gpu.begin(), gpu.end());
    std::sort(record.begin(), record.end());
    EventFloor floor{};
    floor.pairs = static_cast<std::int64_t>(pairs.size());
    floor.gpu_min_ns = gpu.front();
    floor.gpu_median_ns = gpu[gpu.size() / 2];
    floor.gpu_max_ns = gpu.back();
    floor.record_min_ns = record.front();
    floor.record_median_ns = record[record.size() / 2];
    return floor;
}

}  // namespace inference_bench::cuda

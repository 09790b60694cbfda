// Intervals that were read from the GPU, and their columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "cuda_driver.hpp"
#include "gpu_timeline.hpp"

namespace inference_bench::cuda {

// In a column of times, where the GPU gave none. Not -1, which a gap may be.
constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

enum class IntervalStatus : std::uint16_t {
    Ok = 0,
    BelowResolution = 1,  // under 20 us for one call, or 50 us for several: an event's own 0.5 us is too much of it
    Failed = 2,           // the error column says why; there is no GPU time
};

struct Interval {
    std::uint64_t id;
    Stream stream;
    std::uint32_t calls;
    Result error;
    std::uint64_t after_begin;  // host ticks, between the two recordings
    std::uint64_t before_end;
    std::int64_t gpu_begin_ns;  // on the GPU's timeline; kNoTime if it failed
    std::int64_t gpu_ns;
};

// Sorted by id. Times in nanoseconds; those of the GPU mapped to the clock of now_ns().
struct CudaColumns {
    std::size_t rows;
    std::shared_ptr<const std::int64_t[]> id;  // as begin() gave it; lost intervals leave a hole
    std::shared_ptr<const std::uint64_t[]> stream;
    std::shared_ptr<const std::int64_t[]> calls;
    std::shared_ptr<const std::int64_t[]> host_begin_ns;
    std::shared_ptr<const std::int64_t[]> host_ns;  // wall time between the two recordings, neither included
    std::shared_ptr<const std::int64_t[]> gpu_begin_ns;
    std::shared_ptr<const std::int64_t[]> gpu_ns;   // between the two events
    std::shared_ptr<const std::int64_t[]> gap_ns;   // host - GPU; below 0 where the host did not wait for the GPU
    std::shared_ptr<const std::uint16_t[]> status;  // IntervalStatus
    std::shared_ptr<const std::uint16_t[]> error;   // the driver's CUresult; 0 is none
};

// Throws std::bad_alloc.
[[nodiscard]] CudaColumns columns_of(std::vector<Interval> intervals, const GpuTimeline& timeline);

}  // namespace inference_bench::cuda

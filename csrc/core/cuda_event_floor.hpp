// The readings of two events with nothing between them, on this device, in this process.
#pragma once

#include <cstdint>

#include "cuda_event_pool.hpp"

namespace inference_bench::cuda {

struct EventFloor {
    std::int64_t pairs;
    std::int64_t gpu_min_ns, gpu_median_ns, gpu_max_ns;
    std::int64_t record_min_ns, record_median_ns;  // host: one cuEventRecord
};

// Waits for the GPU; the context must be current and the stream idle. Throws std::runtime_error.
[[nodiscard]] EventFloor measure_event_floor(const Driver& driver, CudaEventPool& pool, Stream idle_stream);

}  // namespace inference_bench::cuda

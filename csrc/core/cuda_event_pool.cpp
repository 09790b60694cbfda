#include "cuda_event_pool.hpp"

#include <algorithm>

namespace inference_bench::cuda {

CudaEventPool::~CudaEventPool() {
    if (context_.foreign()) return;
    const CudaContext::Scope scope(context_, CaptureMode::Relaxed);
    const Driver& driver = context_.driver();
    for (const auto& pair : pairs_) {
        driver.event_destroy(pair->begin);
        driver.event_destroy(pair->end);
    }
}

void CudaEventPool::grow(std::size_t pairs) {
    const Driver& driver = context_.driver();
    const std::size_t wanted = std::min(kMaxPairs, pairs_.size() + pairs);
    pairs_.reserve(wanted);
    while (pairs_.size() < wanted) {
        auto pair = std::make_unique<EventPair>();
        driver.check(driver.event_create(&pair->begin, kEventDefault), "cuEventCreate");
        if (const Result result = driver.event_create(&pair->end, kEventDefault); result != kSuccess) {
            driver.event_destroy(pair->begin);
            driver.check(result, "cuEventCreate");
        }
        pairs_.push_back(std::move(pair));
        give_back(pairs_.back().get());
    }
}

}  // namespace inference_bench::cuda

// Makes operator new fail on demand, and counts what is allocated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace inference_bench::testing {

// Within its scope, this thread's allocation number `nth` (from 0) and every later one throw std::bad_alloc.
class FailingAllocations {
  public:
    explicit FailingAllocations(std::int64_t nth) noexcept;
    ~FailingAllocations();
    FailingAllocations(const FailingAllocations&) = delete;
    FailingAllocations& operator=(const FailingAllocations&) = delete;
};

// Blocks that this thread has allocated and not freed.
[[nodiscard]] std::int64_t live_allocations() noexcept;

}  // namespace inference_bench::testing

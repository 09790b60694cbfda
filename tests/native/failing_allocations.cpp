#include "failing_allocations.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

thread_local std::int64_t until_failure = kNever;
thread_local std::int64_t live = 0;

void* allocate(std::size_t bytes) {
    if (until_failure != kNever) {
        if (until_failure <= 0) throw std::bad_alloc();
        --until_failure;
    }
    void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw std::bad_alloc();
    ++live;
    return memory;
}

void deallocate(void* memory) noexcept {
    if (memory != nullptr) --live;
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete[](void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t) noexcept { deallocate(memory); }
void operator delete[](void* memory, std::size_t) noexcept { deallocate(memory); }

namespace inference_bench::testing {

FailingAllocations::FailingAllocations(std::int64_t nth) noexcept { until_failure = nth; }
FailingAllocations::~FailingAllocations() { until_failure = kNever; }

std::int64_t live_allocations() noexcept { return live; }

}  // namespace inference_bench::testing

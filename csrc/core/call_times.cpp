#include "call_times.hpp"

#include <algorithm>

namespace inference_bench {
namespace {

std::unique_ptr<std::uint64_t[]> touched(std::size_t n) {
    std::unique_ptr<std::uint64_t[]> ticks(new std::uint64_t[n]);
    // Not zero: zeroed memory may come as pages that do not exist until they are written.
    std::fill_n(ticks.get(), n, ~std::uint64_t{0});
    return ticks;
}

std::shared_ptr<std::int64_t[]> converted(const std::uint64_t* ticks, std::size_t n) {
    std::shared_ptr<std::int64_t[]> ns(new std::int64_t[n]);
    ticks_to_ns(ticks, ns.get(), n);
    return ns;
}

}  // namespace

CallTimes::CallTimes(std::size_t capacity) : begin_(touched(capacity)), end_(touched(capacity)) {}

std::shared_ptr<const std::int64_t[]> CallTimes::begin_ns() const { return converted(begin_.get(), size_); }

std::shared_ptr<const std::int64_t[]> CallTimes::durations_ns() const {
    const std::shared_ptr<std::int64_t[]> ns = converted(end_.get(), size_);
    const std::shared_ptr<std::int64_t[]> begin = converted(begin_.get(), size_);
    for (std::size_t i = 0; i < size_; ++i) ns.get()[i] -= begin.get()[i];
    return ns;
}

}  // namespace inference_bench

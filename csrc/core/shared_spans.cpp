#include "shared_spans.hpp"

#include <algorithm>
#include <new>

namespace inference_bench {

bool SharedSpans::add(const SpanRecord& record, std::int32_t thread) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
        records_.push_back({record, thread});
    } catch (const std::bad_alloc&) {
        return false;
    }
    if (records_.size() > most_) {
        records_.pop_front();
        ++overwritten_;
    }
    return true;
}

std::size_t SharedSpans::size() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return records_.size();
}

std::uint64_t SharedSpans::overwritten() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return overwritten_;
}

void SharedSpans::read(std::size_t n, bool take, RecordColumns& into) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto end = records_.begin() + static_cast<std::ptrdiff_t>(std::min(n, records_.size()));
    for (auto shared = records_.begin(); shared != end; ++shared) into.append(&shared->record, 1, shared->thread);
    if (take) records_.erase(records_.begin(), end);
}

}  // namespace inference_bench

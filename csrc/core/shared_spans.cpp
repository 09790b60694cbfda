#include "shared_spans.hpp"

#include <algorithm>
#include <new>

namespace inference_bench {

bool SharedSpans::add(const SpanRecord& record, std::int32_t thread) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
        records_.push_back({record, thread, chunks_.acquired()});
    } catch (const std::bad_alloc&) {
        return false;
    }
    if (records_.size() > most_) {
        records_.pop_front();
        ++first_;
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

SharedSpans::Contents SharedSpans::contents() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {{records_.begin(), records_.end()}, chunks_.acquired(), first_ + records_.size()};
}

void SharedSpans::take(const Contents& read) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::uint64_t begin = read.end - read.records.size();
    const std::uint64_t held_from = std::min(first_, read.end);
    const std::uint64_t held = read.end - held_from;
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(held));
    first_ += held;
    overwritten_ -= held_from - begin;
}

}  // namespace inference_bench

#include "cuda_intervals.hpp"

#include <algorithm>

#include "clock.hpp"

namespace inference_bench::cuda {
namespace {

constexpr std::int64_t kShortestSingleNs = 20'000;  // 0.5 us of an event's resolution is 2.5 % of it
constexpr std::int64_t kShortestBatchNs = 50'000;   // 1 %

template <typename T, typename Get>
std::shared_ptr<const T[]> column(const std::vector<Interval>& intervals, Get get) {
    const std::shared_ptr<T[]> out(new T[intervals.size()]);
    for (std::size_t i = 0; i < intervals.size(); ++i) out.get()[i] = get(intervals[i]);
    return out;
}

std::int64_t host_ns(const Interval& i) { return ticks_to_ns(i.before_end) - ticks_to_ns(i.after_begin); }

std::uint16_t status(const Interval& i) noexcept {
    const std::int64_t shortest = i.calls > 1 ? kShortestBatchNs : kShortestSingleNs;
    IntervalStatus status = IntervalStatus::Ok;
    if (i.error != kSuccess) {
        status = IntervalStatus::Failed;
    } else if (i.gpu_ns < shortest) {
        status = IntervalStatus::BelowResolution;
    }
    return static_cast<std::uint16_t>(status);
}

}  // namespace

CudaColumns columns_of(std::vector<Interval> intervals, const GpuTimeline& timeline) {
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.id < b.id; });
    const auto int64s = [&](auto get) { return column<std::int64_t>(intervals, get); };
    CudaColumns out{};
    out.rows = intervals.size();
    out.id = int64s([](const Interval& i) { return static_cast<std::int64_t>(i.id); });
    out.stream =
        column<std::uint64_t>(intervals, [](const Interval& i) { return reinterpret_cast<std::uintptr_t>(i.stream); });
    out.calls = int64s([](const Interval& i) { return std::int64_t{i.calls}; });
    out.host_begin_ns = int64s([](const Interval& i) { return ticks_to_ns(i.after_begin); });
    out.host_ns = int64s(host_ns);
    out.gpu_begin_ns = int64s(
        [&](const Interval& i) { return i.gpu_begin_ns == kNoTime ? kNoTime : timeline.to_host_ns(i.gpu_begin_ns); });
    out.gpu_ns = int64s([](const Interval& i) { return i.gpu_ns; });
    out.gap_ns = int64s([](const Interval& i) { return i.gpu_ns == kNoTime ? kNoTime : host_ns(i) - i.gpu_ns; });
    out.status = column<std::uint16_t>(intervals, status);
    out.error = column<std::uint16_t>(intervals, [](const Interval& i) { return static_cast<std::uint16_t>(i.error); });
    return out;
}

}  // namespace inference_bench::cuda

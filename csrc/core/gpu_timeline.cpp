#include "gpu_timeline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "clock.hpp"

namespace inference_bench::cuda {
namespace {

constexpr double kNsPerMs = 1e6;
// Half of the 4 s beyond which a float32 steps by 0.49 us: with an event at least every 2 s none is read beyond that.
constexpr std::int64_t kRebaseNs = 2'000'000'000;
constexpr int kSandwiches = 8;
constexpr std::size_t kMostAnchors = 1024;  // collect() is called now and then; who calls it more often loses old ones
constexpr std::int64_t kShortestBaselineNs = 1'000'000;

double step_ns(float ms) noexcept {
    const float size = std::fabs(ms);
    return (static_cast<double>(std::nextafterf(size, std::numeric_limits<float>::infinity())) -
            static_cast<double>(size)) *
           kNsPerMs;
}

}  // namespace

GpuTimeline::GpuTimeline(const CudaContext& context) : context_(context) {
    anchors_.reserve(kMostAnchors);
    const Driver& driver = context.driver();
    const CudaContext::Scope scope(context, CaptureMode::Relaxed);
    try {
        driver.check(driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
        for (Event* const event : {&base_, &probe_, &best_}) {
            driver.check(driver.event_create(event, kEventDefault), "cuEventCreate");
        }
        driver.check(driver.event_record(base_, stream_), "cuEventRecord");
        driver.check(driver.event_synchronize(base_), "cuEventSynchronize");
        driver.check(anchor(), "mapping the GPU's clock to the host's");
    } catch (...) {
        release();
        throw;
    }
}

GpuTimeline::~GpuTimeline() { release(); }

void GpuTimeline::release() noexcept {
    if (context_.foreign()) return;
    const CudaContext::Scope scope(context_, CaptureMode::Relaxed);
    const Driver& driver = context_.driver();
    for (const Event event : {base_, probe_, best_}) {
        if (event != nullptr) driver.event_destroy(event);
    }
    if (stream_ != nullptr) driver.stream_destroy(stream_);
}

Result GpuTimeline::locate(Event& event, std::int64_t& gpu_ns) noexcept {
    float ms = 0;
    if (const Result result = context_.driver().event_elapsed_time(&ms, base_, event); result != kSuccess) {
        return result;
    }
    if (!std::isfinite(ms)) return kUnknown;
    const std::int64_t since_base = std::llround(static_cast<double>(ms) * kNsPerMs);
    gpu_ns = base_ns_ + since_base;
    longest_step_ns_ = std::max(longest_step_ns_, step_ns(ms));
    if (since_base >= kRebaseNs) {
        std::swap(base_, event);
        base_ns_ = gpu_ns;
        ++rebases_;
    }
    return kSuccess;
}

Result GpuTimeline::anchor() {
    const Driver& driver = context_.driver();
    Anchor tightest{0, 0, std::numeric_limits<std::int64_t>::max()};
    for (int i = 0; i < kSandwiches; ++i) {
        const std::uint64_t before = ticks();
        Result result = driver.event_record(probe_, stream_);
        if (result == kSuccess) result = driver.event_synchronize(probe_);
        const std::uint64_t after = ticks();
        if (result != kSuccess) return result;
        const std::int64_t begin_ns = ticks_to_ns(before);
        const std::int64_t width_ns = ticks_to_ns(after) - begin_ns;
        if (width_ns >= tightest.width_ns) continue;
        tightest = {0, begin_ns + width_ns / 2, width_ns};
        std::swap(probe_, best_);
    }
    if (const Result result = locate(best_, tightest.gpu_ns); result != kSuccess) return result;
    if (anchors_.size() == kMostAnchors) anchors_.erase(anchors_.begin() + 1);  // the first carries the long baseline
    anchors_.push_back(tightest);
    ++anchor_count_;
    widest_ns_ = std::max(widest_ns_, tightest.width_ns);
    return kSuccess;
}

std::int64_t GpuTimeline::to_host_ns(std::int64_t gpu_ns) const noexcept {
    // The two anchors around it, or the two nearest: pending intervals may be read after a later anchor.
    const auto after = std::upper_bound(anchors_.begin() + 1, anchors_.end(), gpu_ns,
                                        [](std::int64_t ns, const Anchor& a) { return ns < a.gpu_ns; });
    const auto last = after == anchors_.end() ? anchors_.end() - 1 : after;
    const auto first = last == anchors_.begin() ? last : last - 1;
    const std::int64_t gpu_span = last->gpu_ns - first->gpu_ns;
    const double rate = gpu_span < kShortestBaselineNs
                            ? 1.0  // too short to tell: two quartz clocks differ by some ppm
                            : static_cast<double>(last->host_ns - first->host_ns) / static_cast<double>(gpu_span);
    return first->host_ns + std::llround(static_cast<double>(gpu_ns - first->gpu_ns) * rate);
}

GpuTimeline::Description GpuTimeline::describe() const noexcept {
    const Anchor& first = anchors_.front();
    const Anchor& last = anchors_.back();
    const auto host_span = static_cast<double>(last.host_ns - first.host_ns);
    const bool known = last.gpu_ns - first.gpu_ns >= kShortestBaselineNs && host_span > 0;
    const double ppm = known ? (static_cast<double>(last.gpu_ns - first.gpu_ns) / host_span - 1) * 1e6 : 0;
    Description d{};
    d.anchors = anchor_count_;
    d.anchor_width_ns = widest_ns_;
    d.rebases = rebases_;
    d.longest_step_ns = longest_step_ns_;
    d.gpu_clock_ppm = ppm;
    return d;
}

}  // namespace inference_bench::cuda

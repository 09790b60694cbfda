// One time axis for all events of a GPU, and its mapping to the host's clock.
//
// The driver gives the time between two events as a float32 of milliseconds: exact to 0.12 us within 2 s, to 1 us at
// 16 s, to 0.25 ms after an hour. So the reference is moved along: an event 2 s past it takes its place.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda_context.hpp"

namespace inference_bench::cuda {

class GpuTimeline {
  public:
    // Takes the first anchor. Throws std::runtime_error.
    explicit GpuTimeline(const CudaContext& context);
    ~GpuTimeline();
    GpuTimeline(const GpuTimeline&) = delete;
    GpuTimeline& operator=(const GpuTimeline&) = delete;

    // Nanoseconds of a completed event since the first anchor. It may become the reference: `event` is then another.
    Result locate(Event& event, std::int64_t& gpu_ns) noexcept;

    // Pins the two clocks together once more: an event on an idle stream between two readings of the host's clock, the
    // tightest of several. Waits for the GPU. What lies between two anchors is interpolated.
    Result anchor();

    [[nodiscard]] std::int64_t to_host_ns(std::int64_t gpu_ns) const noexcept;

    struct Description {
        std::int64_t anchors;
        std::int64_t anchor_width_ns;  // of the widest: the mapping is right to half of it
        std::int64_t rebases;
        double longest_step_ns;  // the coarsest step of a float32 that was read
        double gpu_clock_ppm;    // how much faster the GPU's clock runs; 0 until two anchors are 1 ms apart
    };
    [[nodiscard]] Description describe() const noexcept;

    [[nodiscard]] Stream idle_stream() const noexcept { return stream_; }

  private:
    struct Anchor {
        std::int64_t gpu_ns;
        std::int64_t host_ns;
        std::int64_t width_ns;
    };

    void release() noexcept;

    const CudaContext& context_;
    Stream stream_ = nullptr;
    Event base_ = nullptr;
    Event probe_ = nullptr;
    Event best_ = nullptr;
    std::int64_t base_ns_ = 0;
    std::vector<Anchor> anchors_;
    std::int64_t anchor_count_ = 0;
    std::int64_t widest_ns_ = 0;
    std::int64_t rebases_ = 0;
    double longest_step_ns_ = 0;
};

}  // namespace inference_bench::cuda

// A native thread that reads a GPU's state on a grid, without the GIL.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "native_thread.hpp"
#include "nvml.hpp"

namespace inference_bench::nvml {

struct SamplerOptions {
    std::int64_t interval_ns = 100'000'000;  // most counters behind NVML move every 20-100 ms: faster shows no more
    std::int64_t capacity = std::int64_t{1} << 18;  // samples: 7 hours at 100 ms; 19 MB, touched as they come
    double budget = 0.01;                           // of one core; beyond it the interval is doubled
};

// Times on the clock of now_ns().
struct SamplerColumns {
    std::size_t rows;
    std::shared_ptr<const std::int64_t[]> time_ns;                      // before the readings
    std::shared_ptr<const std::int64_t[]> probe_cost_ns;                // all readings of the row together
    std::array<std::shared_ptr<const std::int64_t[]>, kFields> fields;  // null: this GPU has no such reading
};

struct SamplerStats {
    std::int64_t samples;
    std::int64_t missed;   // grid points that passed without a sample
    std::int64_t dropped;  // samples that found the columns full
    std::int64_t interval_ns;
    std::int64_t present_interval_ns;
    std::int64_t lengthened;  // times the budget doubled the interval
    double duty;              // CPU time of the thread over the time it ran
};

// All members may be called from any thread. In a child of a fork it is of no use: see foreign().
class Sampler {
  public:
    Sampler(const std::string& which, const SamplerOptions& options);  // std::invalid_argument, std::runtime_error
    ~Sampler();
    Sampler(const Sampler&) = delete;
    Sampler& operator=(const Sampler&) = delete;

    void start();  // std::runtime_error if running; a second run appends to the first
    void stop();   // no-op if stopped; returns when the thread has ended
    [[nodiscard]] bool running() const;

    [[nodiscard]] SamplerColumns columns() const;
    [[nodiscard]] SamplerStats stats() const;
    [[nodiscard]] bool foreign() const noexcept { return gpu_.foreign(); }

  private:
    struct Row {
        std::uint64_t ticks;
        std::uint64_t end_ticks;
        Reading reading;
    };

    static void thread_main(void* self) noexcept;
    void run() noexcept;
    void take_sample() noexcept;

    const SamplerOptions options_;
    const Gpu gpu_;
    const std::unique_ptr<Row[]> rows_;
    std::atomic<std::size_t> size_{0};  // rows below it never change

    mutable std::mutex mutex_;  // never taken by the sampling thread, which stop() joins while holding it
    std::int64_t started_ns_ = 0;
    std::int64_t ran_ns_ = 0;  // in earlier runs
    // Written by the sampling thread alone.
    std::atomic<std::int64_t> missed_{0};
    std::atomic<std::int64_t> dropped_{0};
    std::atomic<std::int64_t> lengthened_{0};
    std::atomic<std::int64_t> present_interval_ns_;
    std::atomic<std::int64_t> cpu_ns_{0};

    NativeThread thread_;
};

}  // namespace inference_bench::nvml

// A native thread that records this process's memory on a time grid, without malloc and without the GIL.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fork_registry.hpp"
#include "memory_phases.hpp"
#include "native_thread.hpp"
#include "probes.hpp"
#include "sample_columns.hpp"

namespace inference_bench {

struct MemorySamplerOptions {
    std::int64_t interval_ns = 10'000'000;
    std::int64_t capacity = std::int64_t{1} << 20;  // samples: 2.9 hours at 10 ms
    double budget = 0.01;                           // of one core; beyond it the interval is doubled
    bool reset_hwm = false;                         // at each phase's beginning: its peak is then exact
    bool pss = false;                               // smaps_rollup at each phase's end: 0.3-170 ms
};

struct MemoryColumns {
    std::size_t rows;
    std::shared_ptr<const std::int64_t[]> time_ns;
    std::shared_ptr<const std::int64_t[]> rss_bytes;
    std::shared_ptr<const std::int64_t[]> cgroup_bytes;  // null where this process has no memory cgroup
    std::shared_ptr<const std::uint16_t[]> phase;        // index into phase_names()
    std::shared_ptr<const std::int64_t[]> probe_cost_ns;
};

struct MemorySamplerStats {
    std::int64_t samples;
    std::int64_t missed;   // grid points that passed without a sample
    std::int64_t dropped;  // samples that found the columns full
    std::int64_t interval_ns;
    std::int64_t present_interval_ns;
    double achieved_interval_ns;  // 0 before two samples
    std::int64_t lengthened;      // times the budget doubled the interval
    double duty;                  // CPU time of the thread over the time it ran
    std::int64_t probe_cost_p50_ns;
    std::int64_t probe_cost_max_ns;
    std::int64_t buffer_bytes;  // the sampler's own share of the RSS that it reports
};

// All members may be called from any thread. After a fork the child's copy is stopped and keeps what was recorded.
class MemorySampler {
  public:
    explicit MemorySampler(const MemorySamplerOptions& options);  // throws std::invalid_argument, std::bad_alloc
    ~MemorySampler();
    MemorySampler(const MemorySampler&) = delete;
    MemorySampler& operator=(const MemorySampler&) = delete;

    void start();  // std::runtime_error if running; a second run appends to the first
    void stop();   // no-op if stopped; returns when the thread has ended
    [[nodiscard]] bool running() const;

    // Ends the present phase and begins another. What the edge itself costs belongs to neither.
    void mark_phase(const std::string& name);  // std::runtime_error unless running

    [[nodiscard]] MemoryColumns columns() const;
    [[nodiscard]] std::vector<std::string> phase_names() const;  // the first is "", for outside every phase
    [[nodiscard]] std::vector<MemoryPhase> phases() const;
    [[nodiscard]] MemorySamplerStats stats() const;

  private:
    static void thread_main(void* self) noexcept;
    void run() noexcept;
    void take_sample() noexcept;

    friend class ForkRegistry<MemorySampler>;
    void lock_before_fork() { mutex_.lock(); }
    void unlock_after_fork() noexcept { mutex_.unlock(); }
    void abandon_in_child() noexcept;

    ForkRegistry<MemorySampler>& registry_;
    const MemorySamplerOptions options_;
    const std::shared_ptr<SampleColumns> columns_;
    std::unique_ptr<ProcessProbes> probes_;

    mutable std::mutex mutex_;  // never taken by the sampling thread, which stop() joins while holding it
    bool running_ = false;
    bool has_cgroup_ = false;
    NativeThread thread_;
    std::int64_t started_ns_ = 0;
    std::int64_t ran_ns_ = 0;  // in earlier runs
    MemoryPhases phases_;

    // Written by the sampling thread alone.
    std::atomic<std::int64_t> missed_{0};
    std::atomic<std::int64_t> dropped_{0};
    std::atomic<std::int64_t> lengthened_{0};
    std::atomic<std::int64_t> present_interval_ns_;
    std::atomic<std::int64_t> cpu_ns_{0};
};

}  // namespace inference_bench

// When the next sample is due: an absolute grid, coarsened when sampling costs more than it may.
#pragma once

#include <algorithm>
#include <cstdint>

namespace inference_bench {

class SamplingPace {
  public:
    static constexpr std::int64_t kLongestIntervalNs = 1'000'000'000;  // coarser than this says nothing about a peak

    SamplingPace(std::int64_t start_ns, std::int64_t interval_ns, double budget) noexcept
        : deadline_ns_(start_ns), interval_ns_(interval_ns), budget_(budget) {}

    // Called after each sample with the CPU time it took, waking up included. Returns the next deadline; one already
    // past, by less than an interval, is still due. Those wholly past are counted and skipped: a burst of
    // late samples would all show the same moment.
    std::int64_t next(std::int64_t now_ns, std::int64_t cpu_ns) noexcept {
        spend(cpu_ns);
        deadline_ns_ += interval_ns_;
        const std::int64_t behind = std::max<std::int64_t>(0, now_ns - deadline_ns_) / interval_ns_;
        missed_ += behind;
        deadline_ns_ += behind * interval_ns_;
        return deadline_ns_;
    }

    [[nodiscard]] std::int64_t interval_ns() const noexcept { return interval_ns_; }
    [[nodiscard]] std::int64_t missed() const noexcept { return missed_; }
    [[nodiscard]] std::int64_t lengthened() const noexcept { return lengthened_; }

  private:
    // Samples averaged over: of the last second, but enough to be a mean and no more than tell it well.
    [[nodiscard]] int memory() const noexcept {
        return static_cast<int>(std::clamp<std::int64_t>(1'000'000'000 / interval_ns_, 16, 64));
    }
    // What one sample may count for, in allowances: a hypervisor that takes the core away for 4 ms is not our cost.
    static constexpr double kDearest = 4;

    void spend(std::int64_t cpu_ns) noexcept {
        const double allowance = budget_ * static_cast<double>(interval_ns_);
        const double cost = std::min(static_cast<double>(cpu_ns), kDearest * allowance);
        ++seen_;
        average_ns_ += (cost - average_ns_) / std::min(seen_, memory());
        if (seen_ < memory() || interval_ns_ > kLongestIntervalNs / 2) return;
        seen_ = memory();
        if (average_ns_ <= allowance) return;
        interval_ns_ *= 2;
        ++lengthened_;
        seen_ = 0;
        average_ns_ = 0;
    }

    std::int64_t deadline_ns_;
    std::int64_t interval_ns_;
    double budget_;
    double average_ns_ = 0;
    int seen_ = 0;
    std::int64_t missed_ = 0;
    std::int64_t lengthened_ = 0;
};

}  // namespace inference_bench

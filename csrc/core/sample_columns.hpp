// Rows of memory samples, stored by column, written by one thread and read by any while it writes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace inference_bench {

struct MemorySample {
    std::uint64_t ticks;
    std::int64_t rss_bytes;
    std::int64_t cgroup_bytes;  // kAbsent where there is none
    std::int64_t cost_ticks;    // how long the probes took
};

// The whole capacity is reserved as address space, so that a column is one piece and never moves; pages are touched a
// chunk ahead of the writer, between samples, so that appending neither allocates nor faults.
class SampleColumns {
  public:
    static constexpr std::size_t kMaxCapacity = std::size_t{1} << 28;

    explicit SampleColumns(std::size_t capacity);  // throws std::bad_alloc
    ~SampleColumns();
    SampleColumns(const SampleColumns&) = delete;
    SampleColumns& operator=(const SampleColumns&) = delete;

    // False when full. Writer only.
    bool append(const MemorySample& sample) noexcept;
    // Writer only, outside what is timed.
    void commit_ahead() noexcept;

    // Rows below size() never change.
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
    [[nodiscard]] std::size_t committed_bytes() const noexcept;
    [[nodiscard]] const std::uint64_t* ticks() const noexcept { return ticks_; }
    [[nodiscard]] const std::int64_t* rss_bytes() const noexcept { return rss_bytes_; }
    [[nodiscard]] const std::int64_t* cgroup_bytes() const noexcept { return cgroup_bytes_; }
    [[nodiscard]] const std::int64_t* cost_ticks() const noexcept { return cost_ticks_; }

  private:
    std::size_t capacity_;
    std::size_t column_bytes_;
    void* memory_;
    std::uint64_t* ticks_;
    std::int64_t* rss_bytes_;
    std::int64_t* cgroup_bytes_;
    std::int64_t* cost_ticks_;
    std::atomic<std::size_t> committed_{0};
    std::atomic<std::size_t> size_{0};
};

}  // namespace inference_bench

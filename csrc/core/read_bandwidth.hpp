// How fast threads read a working set: each adds up a part of its own, and all begin each repetition together.
//
// Reads only, where a copy or a triad also writes: a model reads its weights. The memory is what a framework's tensors
// get: anonymous pages, which the kernel makes huge only if it does so for everyone (transparent_hugepage "always").
// Each thread touches its part first, so that the pages lie on the node where it runs. Each is bound to a CPU of its
// own within the affinity of its maker, where there are as many: two that share one would read half as fast.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "native_thread.hpp"
#include "read_sum.hpp"
#include "spin_barrier.hpp"

namespace inference_bench {

// Memory on pages of its own, untouched.
class FreshPages {
  public:
    explicit FreshPages(std::size_t bytes);  // throws std::bad_alloc
    ~FreshPages();
    FreshPages(const FreshPages&) = delete;
    FreshPages& operator=(const FreshPages&) = delete;

    [[nodiscard]] std::uint64_t* numbers() const noexcept { return static_cast<std::uint64_t*>(begin_); }

  private:
    void* begin_;
    std::size_t bytes_;
};

class ReadBandwidth {
  public:
    static constexpr std::int64_t kMostBytes = std::int64_t{1} << 46;
    static constexpr std::int64_t kMostThreads = 4096;
    static constexpr std::int64_t kMostRepetitions = 1'000'000;
    static constexpr std::int64_t kMostLeastNs = 10'000'000'000;

    // Starts to measure. A repetition reads the working set once, or as often as it takes to last `least_ns`, which is
    // found by trial. Throws std::invalid_argument, std::bad_alloc, and std::system_error where no thread can start.
    ReadBandwidth(std::int64_t working_set_bytes, std::int64_t threads, std::int64_t repetitions,
                  std::int64_t least_ns);
    ~ReadBandwidth();
    ReadBandwidth(const ReadBandwidth&) = delete;
    ReadBandwidth& operator=(const ReadBandwidth&) = delete;

    // True when all repetitions are done, false after `slice_ns` or at a signal.
    [[nodiscard]] bool wait(std::int64_t slice_ns) noexcept;

    // Each thread's part is a multiple of kReadSumBytes.
    [[nodiscard]] std::size_t working_set_bytes() const noexcept { return part_bytes_ * readers_.size(); }
    [[nodiscard]] const char* instructions() const noexcept { return sum_.name; }

    // The rest when all is done.
    [[nodiscard]] std::int64_t passes() const noexcept { return passes_; }
    // Of all numbers that the last repetition read. Each number is its place within its part.
    [[nodiscard]] std::uint64_t sum() const noexcept;
    // Of each repetition: from the first thread's begin to the last one's end.
    [[nodiscard]] const std::vector<std::int64_t>& times_ns() const noexcept { return times_ns_; }

  private:
    struct alignas(64) Reader {  // on cache lines of its own
        ReadBandwidth* of = nullptr;
        std::uint64_t* part = nullptr;
        NativeThread thread;
        std::optional<std::size_t> cpu;    // that it is bound to
        std::uint64_t begin = 0, end = 0;  // ticks of the last repetition
        std::uint64_t sum = 0;             // over all its passes
    };

    void start();
    void stop() noexcept;
    static void run(void* reader) noexcept;
    void touch(const Reader& reader) const noexcept;
    void read(Reader& reader) const noexcept;
    void keep_time() noexcept;
    [[nodiscard]] std::int64_t elapsed_ns() const;

    const ReadSum sum_;
    const std::size_t part_bytes_;
    const std::size_t repetitions_;
    const std::int64_t least_ns_;
    const FreshPages pages_;
    std::vector<Reader> readers_;
    SpinBarrier barrier_;
    // The first reader writes these between two barriers, and all read them after the second.
    std::vector<std::int64_t> times_ns_;
    std::int64_t passes_ = 1;
    bool warm_ = false;
    std::atomic<std::uint32_t> done_{0};  // a futex
};

}  // namespace inference_bench

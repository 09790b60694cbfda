// Times what a GPU does between two points of a stream, without ever waiting for it while measuring.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_context.hpp"
#include "cuda_event_floor.hpp"
#include "cuda_event_pool.hpp"
#include "cuda_intervals.hpp"
#include "cuda_stream_queues.hpp"
#include "gpu_timeline.hpp"
#include "native_thread.hpp"

namespace inference_bench::cuda {

struct CudaTimerStats {
    std::int64_t capacity;  // intervals that fit between begin() and being read
    std::int64_t begun;     // all ids given
    std::int64_t read;
    std::int64_t exhausted;  // of these, lost because no events were free
    std::int64_t dropped;    // read, but nobody had collected the four million before them
    std::int64_t grown;      // times that collect() doubled the capacity after that
    std::int64_t failed;
    std::int64_t queries;  // asked of the driver: is this event done?
    bool reader;           // its thread is running
    std::string growth_error;
    std::string anchor_error;  // the last mapping to the host's clock failed: the one before it was used
    GpuTimeline::Description timeline;
};

// begin() and end() from one thread at a time; the rest from any.
class CudaEventTimer {
  public:
    static constexpr std::size_t kMaxOpen = 256;

    // Why begin() or end() did nothing.
    enum class Refusal : std::uint8_t { None, Forked, TooManyOpen, NoneOpen, SeveralOpen, UnknownId };

    // Throws std::runtime_error, std::system_error or std::bad_alloc. Creates every event, takes an anchor, measures
    // the floor: some ms.
    CudaEventTimer(const Driver& driver, std::size_t capacity, int device, bool reader);
    CudaEventTimer(const CudaEventTimer&) = delete;
    CudaEventTimer& operator=(const CudaEventTimer&) = delete;

    // Errors of the driver become the interval's status; they are nobody's exception.
    Refusal begin(std::uintptr_t stream, std::uint32_t calls, std::uint64_t& id) noexcept;
    Refusal end() noexcept;  // the one that is open
    Refusal end(std::uint64_t id) noexcept;
    [[nodiscard]] std::size_t open() const noexcept { return open_count_; }

    // Reads what has ended, for at most that long. True when nothing that has ended is left to read.
    bool read_until(std::int64_t deadline_ns);
    // What was read since the last call. Waits for the GPU to answer one event, to map its clock to the host's; doubles
    // the pool if it was exhausted.
    [[nodiscard]] CudaColumns take_columns();

    [[nodiscard]] bool foreign() const noexcept { return context_.foreign(); }
    [[nodiscard]] const CudaContext& context() const noexcept { return context_; }
    [[nodiscard]] EventFloor floor() const noexcept { return floor_; }
    [[nodiscard]] CudaTimerStats stats() const;

  private:
    struct Open {
        std::uint64_t id;
        EventPair* pair;  // null: lost
    };
    Refusal close(std::size_t index) noexcept;
    [[nodiscard]] bool capturing(Stream stream) const noexcept;

    // With mutex_ held and the context current.
    bool read_ready(std::size_t at_most) noexcept;  // true when nothing is left
    void read(EventPair& pair) noexcept;
    void grow_if_exhausted();

    static void reader_main(void* self) noexcept;
    void run_reader() noexcept;

    const Driver& driver_;
    const CudaContext context_;

    // The hot path's own.
    CudaEventPool pool_;
    std::array<Open, kMaxOpen> open_{};
    std::size_t open_count_ = 0;
    std::atomic<std::uint64_t> next_id_{0};
    std::atomic<std::int64_t> exhausted_{0};

    PairStack submitted_;  // ended, newest first, on the way to whoever reads
    std::atomic<bool> reader_idle_{false};

    mutable std::mutex mutex_;  // over everything below; never taken by begin() and end()
    GpuTimeline timeline_;
    StreamQueues queues_;
    std::vector<Interval> read_;
    EventFloor floor_{};
    std::int64_t exhausted_before_ = 0;
    std::int64_t grown_ = 0;
    std::int64_t reads_ = 0;
    std::int64_t failed_ = 0;
    std::int64_t queries_ = 0;
    std::int64_t dropped_ = 0;
    double average_gpu_ns_ = 0;
    std::string growth_error_;
    std::string anchor_error_;

    NativeThread reader_;  // last, so that it ends before what it reads is taken down
};

}  // namespace inference_bench::cuda

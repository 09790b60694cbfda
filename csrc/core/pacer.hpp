// Hands out the ticks of a schedule when they are due, and records when each was due and when its caller had it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "fork_registry.hpp"
#include "native_thread.hpp"
#include "schedule.hpp"
#include "sleeper.hpp"

namespace inference_bench {

// One row for each tick that was handed out, in the schedule's order, on the scale of now_ns().
struct PacerColumns {
    std::size_t rows;
    std::shared_ptr<const std::int64_t[]> index;
    std::shared_ptr<const std::int64_t[]> scheduled_ns;
    std::shared_ptr<const std::int64_t[]> woken_ns;   // when the native wait ended
    std::shared_ptr<const std::int64_t[]> actual_ns;  // when the caller had it: in Python, after the GIL came back
    std::shared_ptr<const std::int64_t[]> lag_ns;     // actual - scheduled
};

// A pacer runs once, and hands its ticks either to threads that wait() or to an event loop that take()s them. A late
// tick is handed out late and never skipped: a load that forgave its own delays would understate every latency.
// All members may be called from any thread. After a fork the child's copy is stopped and keeps what was recorded.
class Pacer {
  public:
    enum class Next : std::uint8_t {
        Tick,
        Over,         // the last one is gone, or the pacer was stopped
        Interrupted,  // by a signal; the tick goes to the next wait()
        InEventfd,    // nothing to wait for here: take() has the ticks
    };
    struct Ticks {
        std::size_t first;
        std::size_t end;
    };

    // `longest_spin_ns` of 0 only sleeps. Throws std::invalid_argument, std::bad_alloc.
    explicit Pacer(Schedule schedule, std::int64_t longest_spin_ns = Sleeper::kDefaultSpinNs);
    ~Pacer();
    Pacer(const Pacer&) = delete;
    Pacer& operator=(const Pacer&) = delete;

    // Offsets count from here. std::runtime_error if started or stopped before; the first wait() starts by itself.
    void start();
    void stop();  // ends every wait; no-op if stopped

    // Each tick goes to one of the threads that wait. Its actual time is taken by delivered().
    [[nodiscard]] Next wait(std::size_t& index);
    void delivered(std::size_t index) noexcept;

    // Starts, with a thread that makes the descriptor readable as ticks fall due, and when the pacer is stopped. It
    // stays the pacer's, which closes it.
    [[nodiscard]] int open_eventfd();  // std::runtime_error if started or stopped before, std::system_error
    void close_eventfd();              // stops; for when no event loop watches it any more
    [[nodiscard]] Ticks take();        // those due since the last call: delivered, and perhaps none

    [[nodiscard]] bool started() const;
    [[nodiscard]] bool done() const noexcept;     // no tick will come any more
    [[nodiscard]] std::int64_t start_ns() const;  // kNotYet before the start
    [[nodiscard]] const Schedule& schedule() const noexcept { return schedule_; }
    [[nodiscard]] std::int64_t spin_ns() const noexcept { return sleeper_.spin_ns(); }
    [[nodiscard]] PacerColumns columns() const;

    static constexpr std::int64_t kNotYet = -1;

  private:
    struct Record {
        std::int64_t woken_ns;
        std::atomic<std::int64_t> actual_ns;
    };

    [[nodiscard]] std::int64_t due_ns(std::size_t i) const noexcept { return start_ns_ + schedule_.offsets_ns[i]; }
    [[nodiscard]] std::size_t count() const noexcept { return schedule_.offsets_ns.size(); }
    void start_locked();
    [[nodiscard]] Next claim(std::size_t& index);

    static void thread_main(void* self) noexcept;
    static void interrupt_thread(void* self) noexcept;
    void run() noexcept;
    void empty_eventfd() const noexcept;
    void signal_eventfd() const noexcept;

    friend class ForkRegistry<Pacer>;
    void lock_before_fork() { mutex_.lock(); }
    void unlock_after_fork() noexcept { mutex_.unlock(); }
    void abandon_in_child() noexcept;

    ForkRegistry<Pacer>& registry_;
    const Schedule schedule_;
    const std::unique_ptr<Record[]> records_;
    Sleeper sleeper_;

    mutable std::mutex mutex_;  // never held while waiting, nor by the thread, which stop() joins while holding it
    std::int64_t start_ns_ = kNotYet;
    std::size_t next_ = 0;
    std::vector<std::size_t> given_back_;  // claimed by a wait() that a signal ended
    int eventfd_ = -1;
    std::atomic<std::size_t> due_{0};  // ticks below it have fallen due; written by the thread alone

    std::atomic<std::size_t> handed_out_{0};

    NativeThread thread_;  // last, so that it ends before what it uses
};

}  // namespace inference_bench

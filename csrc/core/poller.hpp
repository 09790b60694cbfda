// Waits for sockets and for a moment of the clock, whichever comes first.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "spin_tail.hpp"

namespace inference_bench {

// For one thread, except stop(). Sleeps, and spins for the last stretch before a moment, as Sleeper does.
class Poller {
  public:
    static constexpr std::int64_t kNever = INT64_MAX;

    struct Ready {
        const epoll_event* first;
        const epoll_event* last;
        [[nodiscard]] const epoll_event* begin() const noexcept { return first; }
        [[nodiscard]] const epoll_event* end() const noexcept { return last; }
    };

    // Spins for at most `longest_spin_ns` before each moment, and not at all on a single CPU. std::system_error.
    explicit Poller(std::int64_t longest_spin_ns = 0);
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    // `key` comes back as data.u64 of what is ready; below kFirstReserved. std::system_error.
    void watch(int descriptor, std::uint32_t events, std::uint64_t key);
    void change(int descriptor, std::uint32_t events, std::uint64_t key) noexcept;
    void forget(int descriptor) noexcept;  // closing it does the same

    // Returns when some descriptors are ready, at `due_ns` of now_ns(), or when stopped. Perhaps earlier, with nothing
    // ready. The clock must be calibrated. What it returns is valid until the next call.
    [[nodiscard]] Ready wait(std::int64_t due_ns) noexcept;

    // From any thread: ends every wait, present and future.
    void stop() noexcept;
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

    // In the child of a fork, which shares the kernel's objects with its parent: closes this copy.
    void abandon() noexcept;

    static constexpr std::uint64_t kFirstReserved = UINT64_MAX - 1;

  private:
    static constexpr std::uint64_t kTimer = kFirstReserved;
    static constexpr std::uint64_t kStop = kFirstReserved + 1;

    void set_timer(std::int64_t ns) noexcept;
    [[nodiscard]] Ready sleep(std::int64_t ns) noexcept;
    [[nodiscard]] Ready poll(int timeout_ms) noexcept;
    void close_all() noexcept;

    SpinTail tail_;
    std::atomic<bool> stopped_{false};
    int epoll_ = -1;
    int timer_ = -1;
    int stop_ = -1;
    bool timer_fired_ = false;
    std::array<epoll_event, 256> events_{};
};

}  // namespace inference_bench

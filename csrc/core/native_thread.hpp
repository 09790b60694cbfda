// A thread of our own: every signal blocked, woken on time, asleep on a futex until a deadline or until it is called.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace inference_bench {

class NativeThread {
  public:
    using Function = void (*)(void*) noexcept;

    static constexpr std::int64_t kForever = INT64_MAX;

    NativeThread() = default;
    ~NativeThread() { stop(); }
    NativeThread(const NativeThread&) = delete;
    NativeThread& operator=(const NativeThread&) = delete;

    // Threads of ours are forgotten in the child of a fork: start() sees to it. An owner that is itself locked over a
    // fork, and calls start() or stop() under that lock, must see to it before its own handlers are registered: those
    // of fork() take locks in the reverse order.
    static void handle_forks();

    // `name` has at most 15 characters. Throws std::system_error. A `main` that also sleeps elsewhere than in
    // wait_until() needs an `interrupt`, which ends that sleep; it is called when the thread is asked to end.
    void start(const char* name, Function main, void* argument, Function interrupt = nullptr);
    // Asks it to end and waits until it has; nothing happens if it is not running, or did not come along over a fork.
    void stop() noexcept;
    [[nodiscard]] bool running() const noexcept;

    // At the end of the process: a thread inside a vendor's library must not meet that library's own exit handlers.
    static void stop_all() noexcept;

    // From any thread: ends its present wait, or the next one if it is awake.
    void wake() noexcept;

    // The rest from the thread itself. CLOCK_MONOTONIC; true when asked to stop, false at the deadline or when woken.
    [[nodiscard]] bool wait_until(std::int64_t deadline_ns) noexcept;

  private:
    static void* enter(void* self);
    void join() noexcept;

    pthread_t thread_{};
    const char* name_ = "";
    Function main_ = nullptr;
    Function interrupt_ = nullptr;
    void* argument_ = nullptr;
    std::atomic<bool> running_{false};
    std::uint32_t generation_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint32_t> calls_{0};  // a futex
    std::uint32_t seen_ = 0;               // calls answered; the thread's own
};

[[nodiscard]] std::int64_t monotonic_ns() noexcept;
[[nodiscard]] std::int64_t thread_cpu_ns() noexcept;

}  // namespace inference_bench

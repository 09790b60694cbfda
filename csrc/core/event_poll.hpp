// Waits for sockets and for a moment of the clock at once: sleeps first, polls for the last stretch.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "spin_tail.hpp"

namespace inference_bench {

// One thread waits; any may wake it.
class EventPoll {
  public:
    // Of events that are this object's own; sockets use smaller ones.
    static constexpr std::uint64_t kFirstOwnTag = UINT64_MAX - 1;

    explicit EventPoll(std::int64_t longest_spin_ns);  // std::invalid_argument, std::system_error
    ~EventPoll() { close(); }
    EventPoll(const EventPoll&) = delete;
    EventPoll& operator=(const EventPoll&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return epoll_; }  // for sockets to be added to

    // Returns how many events it wrote: none if `due_ns` or `latest_ns` of now_ns() is at hand, or is less than a
    // millisecond off, for the caller to wait again. From shortly before `due_ns` on it does not sleep any more, and
    // returns at once.
    [[nodiscard]] int wait(std::int64_t due_ns, std::int64_t latest_ns, epoll_event* events, int room) noexcept;
    // Where it is going to sleep, this is until when.
    [[nodiscard]] std::int64_t wakes_ns(std::int64_t due_ns, std::int64_t latest_ns) const noexcept;

    void wake() noexcept;   // ends the present wait, or the next one
    void close() noexcept;  // what it opened; for the child of a fork

  private:
    static constexpr std::int64_t kNotArmed = -1;

    void arm(std::int64_t at_ns) noexcept;
    [[nodiscard]] int without_own(epoll_event* events, int n) noexcept;

    SpinTail tail_;
    int epoll_ = -1;
    int timer_ = -1;
    int wakes_ = -1;
    std::int64_t armed_ns_ = kNotArmed;  // CLOCK_MONOTONIC; by the present wait
};

}  // namespace inference_bench

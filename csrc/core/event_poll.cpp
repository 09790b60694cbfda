#include "event_poll.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <system_error>
#include <utility>

#include "clock.hpp"
#include "native_thread.hpp"

namespace inference_bench {
namespace {

constexpr std::uint64_t kTimer = EventPoll::kFirstOwnTag;
constexpr std::uint64_t kWakes = EventPoll::kFirstOwnTag + 1;
constexpr std::int64_t kShortestSleepNs = 20'000;  // going to sleep and waking up again takes several microseconds
// CLOCK_MONOTONIC, which the kernel sleeps by, is slewed by up to 500 ppm against our clock.
constexpr std::int64_t kSlewShare = 1'000;
// epoll_wait takes up to 0.5 % longer than asked for, as the kernel joins it with other timers.
constexpr std::int64_t kSlackShare = 100;

// How many whole milliseconds epoll_wait may sleep without being late.
int safe_sleep_ms(std::int64_t left_ns) noexcept {
    const std::int64_t ms = (left_ns - left_ns / kSlackShare) / 1'000'000;
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, INT_MAX));
}

int checked(int descriptor, const char* what) {
    if (descriptor >= 0) return descriptor;
    throw std::system_error(errno, std::generic_category(), std::string("cannot make ") + what);
}

void add(int epoll, int descriptor, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = tag;
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event), "an entry of epoll");
}

}  // namespace

EventPoll::EventPoll(std::int64_t longest_spin_ns) : tail_(usable_spin_ns(longest_spin_ns)) {
    try {
        epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "an epoll");
        timer_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "a timerfd");
        wakes_ = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "an eventfd");
        add(epoll_, timer_, kTimer);
        add(epoll_, wakes_, kWakes);
    } catch (...) {
        close();
        throw;
    }
}

void EventPoll::close() noexcept {
    for (int* const descriptor : {&epoll_, &timer_, &wakes_}) {
        if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
    }
}

std::int64_t EventPoll::wakes_ns(std::int64_t due_ns, std::int64_t latest_ns) const noexcept {
    return std::min(due_ns - tail_.ns(), latest_ns);
}

// Whole milliseconds need no call that sets the timer; it ends the last one.
int EventPoll::wait(std::int64_t due_ns, std::int64_t latest_ns, epoll_event* events, int room) noexcept {
    const std::int64_t left = wakes_ns(due_ns, latest_ns) - now_ns();
    int sleep_ms = safe_sleep_ms(left);
    armed_ns_ = kNotArmed;
    if (sleep_ms == 0 && left > (tail_.ns() > 0 ? kShortestSleepNs : 0)) {
        arm(monotonic_ns() + left - left / kSlewShare);
        sleep_ms = -1;
    }
    const int n = epoll_wait(epoll_, events, room, sleep_ms);
    return without_own(events, n);  // n is -1 where SIGSTOP or a debugger ended it
}

void EventPoll::arm(std::int64_t at_ns) noexcept {
    armed_ns_ = at_ns;
    itimerspec at{};
    at.it_value = {at_ns / 1'000'000'000, static_cast<long>(at_ns % 1'000'000'000)};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
}

int EventPoll::without_own(epoll_event* events, int n) noexcept {
    int kept = 0;
    for (int i = 0; i < n; ++i) {
        const std::uint64_t tag = events[i].data.u64;
        if (tag == kTimer && armed_ns_ != kNotArmed) tail_.overshot(monotonic_ns() - armed_ns_);
        if (tag < kFirstOwnTag) events[kept++] = events[i];
    }
    return kept;
}

void EventPoll::wake() noexcept {
    const std::uint64_t one = 1;
    const ssize_t written = write(wakes_, &one, sizeof one);  // fails if the counter is full, and so readable already
    static_cast<void>(written);
}

}  // namespace inference_bench

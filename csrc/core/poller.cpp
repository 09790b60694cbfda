#include "poller.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "clock.hpp"
#include "cpus.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kShortestSleepNs = 20'000;  // going to sleep and waking up again takes several microseconds
constexpr std::int64_t kIdleNs = 500'000;          // time enough to maintain the clock, which takes up to 50 us

int checked(int descriptor, const char* what) {
    if (descriptor >= 0) return descriptor;
    throw std::system_error(errno, std::generic_category(), std::string("cannot make ") + what);
}

}  // namespace

Poller::Poller(std::int64_t longest_spin_ns) : tail_(only_one_cpu() ? 0 : longest_spin_ns) {
    try {
        epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "an epoll instance");
        timer_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "a timer");
        stop_ = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "an eventfd");
        watch(timer_, EPOLLIN | EPOLLET, kTimer);
        watch(stop_, EPOLLIN, kStop);
    } catch (...) {
        close_all();
        throw;
    }
}

Poller::~Poller() { close_all(); }

void Poller::close_all() noexcept {
    for (int* const descriptor : {&epoll_, &timer_, &stop_}) {
        if (*descriptor >= 0) close(std::exchange(*descriptor, -1));
    }
}

void Poller::abandon() noexcept {
    stopped_.store(true, std::memory_order_release);
    close_all();
}

// ---- descriptors

void Poller::watch(int descriptor, std::uint32_t events, std::uint64_t key) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0) return;
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
}

void Poller::change(int descriptor, std::uint32_t events, std::uint64_t key) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event);
}

void Poller::forget(int descriptor) noexcept { epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

// ---- waiting

Poller::Ready Poller::wait(std::int64_t due_ns) noexcept {
    while (!stopped()) {
        if (due_ns == kNever) {
            maintain_clock();
            return poll(-1);
        }
        const std::int64_t now = now_ns();
        const std::int64_t left = due_ns - now;
        if (left <= 0) return poll(0);
        const std::int64_t tail = tail_.ns();
        if (tail == 0 || left > tail + kShortestSleepNs) {
            if (left > kIdleNs) maintain_clock();
            return sleep(left - (now_ns() - now) - tail);
        }
        if (const Ready ready = poll(0); ready.first != ready.last) return ready;
    }
    return {events_.data(), events_.data()};
}

Poller::Ready Poller::sleep(std::int64_t ns) noexcept {
    const std::int64_t until = now_ns() + ns;
    set_timer(std::max<std::int64_t>(ns, 1));
    const Ready ready = poll(-1);
    if (std::exchange(timer_fired_, false)) tail_.overshot(now_ns() - until);
    return ready;
}

// A timer that is set again has not fired.
void Poller::set_timer(std::int64_t ns) noexcept {
    itimerspec in{};
    in.it_value = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    timerfd_settime(timer_, 0, &in, nullptr);
}

// What is ready without the two descriptors of our own.
Poller::Ready Poller::poll(int timeout_ms) noexcept {
    const int n = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
    epoll_event* const last =
        std::remove_if(events_.data(), events_.data() + std::max(n, 0), [&](const epoll_event& e) {
            timer_fired_ = timer_fired_ || e.data.u64 == kTimer;
            return e.data.u64 >= kFirstReserved;
        });
    return {events_.data(), last};
}

void Poller::stop() noexcept {
    stopped_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    const ssize_t written = write(stop_, &one, sizeof one);  // fails if the counter is full, and so readable already
    static_cast<void>(written);
}

}  // namespace inference_bench

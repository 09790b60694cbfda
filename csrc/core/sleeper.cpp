#include "sleeper.hpp"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kShortestSleepNs = 20'000;  // going to sleep and waking up again takes several microseconds
constexpr std::int64_t kIdleNs = 500'000;          // time enough to maintain the clock, which takes up to 50 us
// CLOCK_MONOTONIC, which the kernel sleeps by, is slewed by up to 500 ppm against our clock.
constexpr std::int64_t kSlewShare = 1'000;

std::int64_t monotonic_ns() noexcept { return static_cast<std::int64_t>(detail::read_clock_ns(CLOCK_MONOTONIC)); }

void pause_cpu() noexcept {
#if defined(__x86_64__)
    _mm_pause();
#else
    __asm__ __volatile__("yield");
#endif
}

// The default slack lets the kernel wake this thread 50 us late; the caller's own is put back.
class NoTimerSlack {
  public:
    NoTimerSlack() noexcept : before_(prctl(PR_GET_TIMERSLACK)) {
        if (before_ > 1) prctl(PR_SET_TIMERSLACK, 1);
    }
    ~NoTimerSlack() {
        if (before_ > 1) prctl(PR_SET_TIMERSLACK, before_);
    }
    NoTimerSlack(const NoTimerSlack&) = delete;
    NoTimerSlack& operator=(const NoTimerSlack&) = delete;

  private:
    int before_;
};

}  // namespace

Sleeper::Sleeper(std::int64_t longest_spin_ns) : tail_(usable_spin_ns(longest_spin_ns)) {}

Wake Sleeper::wait_until(std::int64_t due_ns, std::int64_t& woken_ns) noexcept {
    while (!stopped()) {
        woken_ns = now_ns();
        const std::int64_t left = due_ns - woken_ns;
        if (left <= 0) return Wake::Due;
        const std::int64_t tail = tail_.ns();
        if (tail == 0 || left > tail + kShortestSleepNs) {
            if (left > kIdleNs) maintain_clock();
            const std::int64_t passed = now_ns() - woken_ns;
            if (!sleep(left - passed - left / kSlewShare - tail)) return Wake::Interrupted;
        } else {
            pause_cpu();
        }
    }
    return Wake::Stopped;
}

bool Sleeper::sleep(std::int64_t ns) noexcept {
    static_assert(sizeof stopped_ == 4, "a futex is 32 bits");
    const std::int64_t until = monotonic_ns() + ns;
    const timespec deadline{until / 1'000'000'000, static_cast<long>(until % 1'000'000'000)};
    const NoTimerSlack in_force;
    // WAIT_BITSET takes an absolute CLOCK_MONOTONIC time; a stop wakes it at once, which clock_nanosleep could not.
    if (syscall(SYS_futex, &stopped_, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, nullptr, FUTEX_BITSET_MATCH_ANY) == 0) {
        return true;
    }
    if (errno == ETIMEDOUT) tail_.overshot(monotonic_ns() - until);
    return errno != EINTR;
}

void Sleeper::stop() noexcept {
    stopped_.store(1, std::memory_order_release);
    syscall(SYS_futex, &stopped_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace inference_bench

#include "kernel_clock.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr int kReadings = 5;

}  // namespace

bool KernelTimes::was_set(const ClockPair& from, const ClockPair& to) const noexcept {
    const std::int64_t passed = to.now_ns - from.now_ns;
    const std::int64_t difference = to.realtime_ns - from.realtime_ns - passed;
    const double allowed = kMostDrift * static_cast<double>(passed) + static_cast<double>(from.width_ns + to.width_ns);
    return static_cast<double>(std::llabs(difference)) > allowed;
}

std::int64_t KernelTimes::to_now_ns(std::int64_t realtime_ns, std::int64_t read_ns) const {
    if (realtime_ns == kNone) return kNone;
    auto to = std::upper_bound(pairs_.begin(), pairs_.end(), read_ns,
                               [](std::int64_t ns, const ClockPair& pair) { return ns < pair.now_ns; });
    if (to == pairs_.begin()) return to->now_ns + (realtime_ns - to->realtime_ns);
    auto from = to - 1;
    for (;;) {
        if (to != pairs_.end() && was_set(*from, *to)) return kNone;
        if (realtime_ns >= from->realtime_ns || from == pairs_.begin()) break;
        to = from--;  // it had waited in the kernel since before the comparison
    }
    const std::int64_t since = realtime_ns - from->realtime_ns;
    if (to == pairs_.end()) return from->now_ns + since;
    const double rate = static_cast<double>(to->now_ns - from->now_ns) /
                        static_cast<double>(std::max<std::int64_t>(1, to->realtime_ns - from->realtime_ns));
    return from->now_ns + std::llround(static_cast<double>(since) * rate);
}

ClockPair KernelClock::tightest_pair() noexcept {
    ClockPair best{0, 0, INT64_MAX};
    for (int i = 0; i < kReadings; ++i) {
        const std::int64_t before = now_ns();
        const auto realtime = static_cast<std::int64_t>(detail::read_clock_ns(CLOCK_REALTIME));
        const std::int64_t width = now_ns() - before;
        if (width < best.width_ns) best = {realtime, before + width / 2, width};
    }
    return best;
}

KernelClock::KernelClock() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    if (socket_ >= 0) setsockopt(socket_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    compare();
}

KernelClock::~KernelClock() {
    if (socket_ >= 0) close(socket_);
}

KernelTimes KernelClock::times() const {
    std::vector<ClockPair> pairs;
    const std::size_t n = pairs_.size();
    pairs.reserve(n);
    pairs_.visit(n, [&](std::size_t, const ClockPair& pair) { pairs.push_back(pair); });
    return KernelTimes(std::move(pairs));
}

}  // namespace inference_bench

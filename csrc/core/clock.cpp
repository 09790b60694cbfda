#include "clock.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "clock_costs.hpp"
#include "clock_reading.hpp"
#include "timeline.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kFirstBaselineNs =
    10'000'000;  // 0.2-2 ppm; 200 ms would give 0.1, but the first caller waits for it
constexpr std::int64_t kMaintainNs = 2'000'000'000;
constexpr std::uint64_t kWidestAnchor = 4;     // times the best width seen
constexpr int kRejectionsBeforeRelenting = 8;  // the machine has changed, and an old best must not reject every reading
constexpr double kDriftPpm = 10;
constexpr std::int64_t kSuspendNs = 1'000'000;
// A correction takes effect this much after it is computed, so that no reader can already have converted a later tick.
constexpr std::int64_t kPublishAheadNs = 1'000'000;
// Errors are removed gradually: 50 ppm is invisible in any one duration, and removes 50 ns in 1 ms.
constexpr std::int64_t kSlewPpb = 50'000;
constexpr std::int64_t kLongestSlewNs = 10'000'000'000;
constexpr std::int64_t kSteepestSlewPpb = 500'000'000;

struct State {
    ClockChoice choice{};
    Timeline timeline;
    ClockReading origin{};
    ClockReading last{};
    TickRate rate{};  // from the origin to the last reading
    std::uint64_t best_width = 0;
    int rejections_in_a_row = 0;
    std::int64_t boot_offset_ns = 0;
    std::atomic<std::uint64_t> maintain_at{0};  // ticks

    double residual_ppm = 0;
    std::int64_t max_residual_ns = 0;
    std::uint64_t anchors = 0;
    std::uint64_t rejected = 0;
    std::uint64_t suspends = 0;
    std::uint64_t backwards = 0;
    bool drift = false;
};

std::mutex writer;  // guards all of State but the timeline's readers

// Never destroyed: a native thread may still be reading the clock while the process exits.
State& state() {
    static State* const the_state = new State;
    return *the_state;
}

std::uint64_t ticks_in(const TickRate& rate, std::int64_t ns) noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ns) * 1e-9 * rate.hertz());
}

std::int64_t ns_in(const TickRate& rate, std::uint64_t ticks) noexcept {
    return static_cast<std::int64_t>(rate.nanoseconds(ticks));
}

// The last stretch's rate against the average, with what the two readings and the average itself leave uncertain.
void judge_drift(State& s, const ClockReading& now) noexcept {
    const std::int64_t elapsed = now.raw_ns - s.last.raw_ns;
    const std::int64_t baseline = s.last.raw_ns - s.origin.raw_ns;
    if (elapsed <= 0 || baseline <= 0) return;
    const auto length = static_cast<double>(elapsed);
    const double error = length - static_cast<double>(ns_in(s.rate, now.ticks - s.last.ticks));
    const auto width = [&s](const ClockReading& r) { return static_cast<double>(ns_in(s.rate, r.width)); };
    const double doubt =
        width(now) + width(s.last) + (width(s.origin) + width(s.last)) * length / static_cast<double>(baseline);
    s.residual_ppm = error / length * 1e6;
    s.drift = s.drift || (std::abs(error) - doubt) / length * 1e6 > kDriftPpm;
}

// Appends the slope that works off the present error, then the true one.
bool steer(State& s, const ClockReading& now) noexcept {
    const std::uint64_t from = now.ticks + ticks_in(s.rate, kPublishAheadNs);
    if (from <= s.timeline.last_begin()) return false;
    const std::int64_t error = now.raw_ns + ns_in(s.rate, from - now.ticks) - s.timeline.nanoseconds(from);
    const std::int64_t size = std::abs(error);
    if (size <= 1) return s.timeline.append(from, s.rate);
    const std::int64_t ppb = std::clamp(size / (kLongestSlewNs / 1'000'000'000), kSlewPpb, kSteepestSlewPpb);
    const auto slew_ns = static_cast<std::int64_t>(static_cast<double>(size) * 1e9 / static_cast<double>(ppb));
    return s.timeline.append(from, s.rate.adjusted(error < 0 ? -ppb : ppb)) &&
           s.timeline.append(from + std::max<std::uint64_t>(1, ticks_in(s.rate, slew_ns)), s.rate);
}

bool anchor(State& s) noexcept {
    if (s.choice.source != ClockSource::Hardware) return true;
    const ClockReading now = tightest_clock_reading();
    const std::int64_t offset = boot_offset_ns();
    if (std::abs(offset - s.boot_offset_ns) > kSuspendNs) ++s.suspends;
    s.boot_offset_ns = offset;
    if (now.ticks < s.last.ticks) {
        ++s.backwards;
        return false;
    }
    s.maintain_at.store(now.ticks + ticks_in(s.rate, kMaintainNs), std::memory_order_relaxed);
    const bool tight = now.width <= kWidestAnchor * s.best_width;
    if (!tight && s.rejections_in_a_row < kRejectionsBeforeRelenting) {
        ++s.rejections_in_a_row;
        ++s.rejected;
        return false;
    }
    s.best_width = tight ? std::min(s.best_width, now.width) : now.width;
    s.rejections_in_a_row = 0;
    judge_drift(s, now);
    s.max_residual_ns = std::max(s.max_residual_ns, std::abs(now.raw_ns - s.timeline.nanoseconds(now.ticks)));
    s.last = now;
    s.rate = TickRate::from(static_cast<std::uint64_t>(now.raw_ns - s.origin.raw_ns), now.ticks - s.origin.ticks);
    if (!steer(s, now)) return false;
    ++s.anchors;
    return true;
}

void lock_before_fork() { writer.lock(); }
void unlock_after_fork() { writer.unlock(); }

}  // namespace

std::uint64_t detail::first_ticks() noexcept {
    {
        const std::lock_guard<std::mutex> lock(writer);
        if (clock_source.load(std::memory_order_relaxed) == ClockSource::Undetermined) {
            State& s = state();
            s.choice = choose_clock();
            s.boot_offset_ns = boot_offset_ns();
            if (s.choice.source == ClockSource::Hardware) s.origin = tightest_clock_reading();
            // A tick cannot throw; the description tells of it instead.
            if (pthread_atfork(lock_before_fork, unlock_after_fork, unlock_after_fork) != 0) {
                s.choice.reason += "; a child forked while the clock is steered may hang: pthread_atfork was refused";
            }
            clock_source.store(s.choice.source, std::memory_order_relaxed);
        }
    }
    return ticks();
}

bool clock_calibrated() noexcept { return !state().timeline.empty(); }

void calibrate_clock() {
    if (clock_calibrated()) return;
    static_cast<void>(ticks());  // takes the origin, if this is the first tick
    State& s = state();
    const std::lock_guard<std::mutex> lock(writer);
    if (clock_calibrated()) return;
    if (s.choice.source == ClockSource::MonotonicRaw) {
        s.rate = TickRate::from(1, 1);
        s.timeline.begin(0, 0, s.rate);
        return;
    }
    wait_until_raw_ns(s.origin.raw_ns + kFirstBaselineNs);
    s.last = tightest_clock_reading();
    s.best_width = std::min(s.origin.width, s.last.width);
    s.rate = TickRate::from(static_cast<std::uint64_t>(s.last.raw_ns - s.origin.raw_ns), s.last.ticks - s.origin.ticks);
    s.anchors = 2;
    s.maintain_at.store(s.last.ticks + ticks_in(s.rate, kMaintainNs), std::memory_order_relaxed);
    s.timeline.begin(s.origin.ticks, s.origin.raw_ns, s.rate);
}

std::int64_t now_ns() {
    if (__builtin_expect(!clock_calibrated(), 0)) calibrate_clock();
    return state().timeline.nanoseconds(ticks());
}

std::int64_t ticks_to_ns(std::uint64_t ticks) {
    calibrate_clock();
    return state().timeline.nanoseconds(ticks);
}

void ticks_to_ns(const std::uint64_t* ticks, std::int64_t* ns, std::size_t n) {
    calibrate_clock();
    state().timeline.convert(ticks, ns, n);
}

bool recalibrate_clock() {
    calibrate_clock();
    const std::lock_guard<std::mutex> lock(writer);
    return anchor(state());
}

void maintain_clock() noexcept {
    State& s = state();
    if (!clock_calibrated() || ticks() < s.maintain_at.load(std::memory_order_relaxed)) return;
    const std::unique_lock<std::mutex> lock(writer, std::try_to_lock);
    if (lock.owns_lock()) anchor(s);
}

ClockDescription describe_clock() {
    calibrate_clock();
    maintain_clock();
    State& s = state();
    const std::lock_guard<std::mutex> lock(writer);
    ClockDescription d{};
    d.source = s.choice.name;
    d.reason = s.choice.reason;
    d.frequency_hz = s.rate.hertz();
    d.resolution_ns = smallest_step_ns(s.rate);
    d.read_cost_ns = read_cost_ns(s.rate);
    d.fenced_pair_cost_ns = fenced_pair_cost_ns(s.rate);
    d.residual_ppm = s.residual_ppm;
    d.max_residual_ns = s.max_residual_ns;
    d.anchors = s.anchors;
    d.rejected_anchors = s.rejected;
    d.suspends = s.suspends;
    d.backwards = s.backwards;
    d.drift = s.drift;
    d.baseline_ns = s.last.raw_ns - s.origin.raw_ns;
    return d;
}

}  // namespace inference_bench

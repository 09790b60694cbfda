#include "clock.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>

#include "timeline.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kFirstBaselineNs = 10'000'000;  // 0.2-2 ppm; 200 ms would give 0.1, but someone waits for it
constexpr std::int64_t kMaintainNs = 2'000'000'000;
constexpr int kSandwiches = 50;
constexpr std::uint64_t kWidestAnchor = 4;     // times the best width seen
constexpr int kRejectionsBeforeRelenting = 8;  // the machine has changed: a lucky old best must not shut us out
constexpr double kDriftPpm = 10;
constexpr std::int64_t kSuspendNs = 1'000'000;
// A correction takes effect this much after it is computed, so that no reader can already have converted a later tick.
constexpr std::int64_t kPublishAheadNs = 1'000'000;
// Errors are worked off, not jumped over: 50 ppm cannot be seen in any one duration, and 50 ns are gone in 1 ms.
constexpr std::int64_t kSlewPpb = 50'000;
constexpr std::int64_t kLongestSlewNs = 10'000'000'000;
constexpr std::int64_t kSteepestSlewPpb = 500'000'000;

// A tick and the CLOCK_MONOTONIC_RAW time at which it was current, give or take half the width.
struct Reading {
    std::uint64_t ticks;
    std::int64_t raw_ns;
    std::uint64_t width;  // in ticks
};

struct State {
    ClockChoice choice{};
    Timeline timeline;
    Reading origin{};
    Reading last{};
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

std::int64_t read_ns(clockid_t id) noexcept { return static_cast<std::int64_t>(detail::read_clock_ns(id)); }

Reading tightest_reading() noexcept {
    Reading best{0, 0, UINT64_MAX};
    for (int i = 0; i < kSandwiches; ++i) {
        const std::uint64_t before = detail::hardware_ticks_begin();
        const std::int64_t raw = read_ns(CLOCK_MONOTONIC_RAW);
        const std::uint64_t after = detail::hardware_ticks_end();
        const std::uint64_t width = after - before;
        if (after >= before && width < best.width) best = {before + width / 2, raw, width};
    }
    return best;
}

// Time spent suspended since boot. Preempted readings are taken again.
std::int64_t boot_offset_ns() noexcept {
    std::int64_t offset = 0;
    for (int i = 0; i < 10; ++i) {
        const std::int64_t before = read_ns(CLOCK_MONOTONIC);
        offset = read_ns(CLOCK_BOOTTIME) - before;
        if (read_ns(CLOCK_MONOTONIC) - before < kSuspendNs / 10) break;
    }
    return offset;
}

std::uint64_t ticks_in(const TickRate& rate, std::int64_t ns) noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(ns) * 1e-9 * rate.hertz());
}

std::int64_t ns_in(const TickRate& rate, std::uint64_t ticks) noexcept {
    return static_cast<std::int64_t>(rate.nanoseconds(ticks));
}

void wait_until_raw(std::int64_t deadline) noexcept {
    for (std::int64_t left; (left = deadline - read_ns(CLOCK_MONOTONIC_RAW)) > 0;) {
        const timespec pause{0, static_cast<long>(std::min<std::int64_t>(left, 999'999'999))};
        nanosleep(&pause, nullptr);
    }
}

// The last stretch's rate against the average, with what the two readings and the average itself leave uncertain.
void judge_drift(State& s, const Reading& now) noexcept {
    const std::int64_t elapsed = now.raw_ns - s.last.raw_ns;
    const std::int64_t baseline = s.last.raw_ns - s.origin.raw_ns;
    if (elapsed <= 0 || baseline <= 0) return;
    const auto length = static_cast<double>(elapsed);
    const double error = length - static_cast<double>(ns_in(s.rate, now.ticks - s.last.ticks));
    const auto width = [&s](const Reading& r) { return static_cast<double>(ns_in(s.rate, r.width)); };
    const double doubt =
        width(now) + width(s.last) + (width(s.origin) + width(s.last)) * length / static_cast<double>(baseline);
    s.residual_ppm = error / length * 1e6;
    s.drift = s.drift || (std::abs(error) - doubt) / length * 1e6 > kDriftPpm;
}

bool tight_enough(State& s, const Reading& now) noexcept {
    if (now.width <= kWidestAnchor * s.best_width || ++s.rejections_in_a_row > kRejectionsBeforeRelenting) {
        s.best_width =
            s.rejections_in_a_row > kRejectionsBeforeRelenting ? now.width : std::min(s.best_width, now.width);
        s.rejections_in_a_row = 0;
        return true;
    }
    ++s.rejected;
    return false;
}

// Appends the slope that works off the present error, then the true one.
bool steer(State& s, const Reading& now) noexcept {
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
    const Reading now = tightest_reading();
    const std::int64_t offset = boot_offset_ns();
    if (std::abs(offset - s.boot_offset_ns) > kSuspendNs) ++s.suspends;
    s.boot_offset_ns = offset;
    if (now.ticks < s.last.ticks) {
        ++s.backwards;
        return false;
    }
    s.maintain_at.store(now.ticks + ticks_in(s.rate, kMaintainNs), std::memory_order_relaxed);
    if (!tight_enough(s, now)) return false;
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

// Median of many short runs, so that an interrupt spoils one of them and not the answer.
template <typename Read>
double median_cost_ns(const TickRate& rate, Read read) {
    constexpr std::size_t kRuns = 201;
    constexpr std::uint64_t kReadsPerRun = 64;
    std::array<std::uint64_t, kRuns> runs{};
    for (std::uint64_t& run : runs) {
        const std::uint64_t begin = ticks_begin();
        for (std::uint64_t i = 0; i < kReadsPerRun; ++i) read();
        run = ticks_end() - begin;
    }
    std::nth_element(runs.begin(), runs.begin() + kRuns / 2, runs.end());
    return static_cast<double>(runs[kRuns / 2]) * 1e9 / rate.hertz() / static_cast<double>(kReadsPerRun);
}

double smallest_step_ns(const TickRate& rate) {
    std::uint64_t smallest = UINT64_MAX;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t first = ticks();
        const std::uint64_t second = ticks();
        if (second > first) smallest = std::min(smallest, second - first);
    }
    return static_cast<double>(smallest) * 1e9 / rate.hertz();
}

}  // namespace

std::uint64_t detail::first_ticks() noexcept {
    {
        const std::lock_guard<std::mutex> lock(writer);
        if (clock_source.load(std::memory_order_relaxed) == ClockSource::Undetermined) {
            State& s = state();
            s.choice = choose_clock();
            s.boot_offset_ns = boot_offset_ns();
            if (s.choice.source == ClockSource::Hardware) s.origin = tightest_reading();
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
    static_cast<void>(ticks());  // takes the origin, if nobody has ticked yet
    State& s = state();
    const std::lock_guard<std::mutex> lock(writer);
    if (clock_calibrated()) return;
    if (s.choice.source == ClockSource::MonotonicRaw) {
        s.rate = TickRate::from(1, 1);
        s.timeline.begin(0, 0, s.rate);
        return;
    }
    wait_until_raw(s.origin.raw_ns + kFirstBaselineNs);
    s.last = tightest_reading();
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
    const std::int64_t baseline = s.last.raw_ns - s.origin.raw_ns;
    return {s.choice.name,
            s.choice.reason,
            s.rate.hertz(),
            smallest_step_ns(s.rate),
            median_cost_ns(s.rate, [] { static_cast<void>(ticks()); }),
            median_cost_ns(s.rate, [] { static_cast<void>(ticks_begin()), static_cast<void>(ticks_end()); }),
            s.residual_ppm,
            s.max_residual_ns,
            s.anchors,
            s.rejected,
            s.suspends,
            s.backwards,
            s.drift,
            baseline};
}

}  // namespace inference_bench

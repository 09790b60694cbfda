// Which counter ticks, and how to read it. No calibration here: ticks have no unit until clock.hpp gives them one.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>
#include <string>

#if defined(__x86_64__)
#include <x86intrin.h>
#elif !defined(__aarch64__)
#error "inference_bench knows the cycle counters of x86-64 and aarch64 only."
#endif

namespace inference_bench {

enum class ClockSource : std::uint8_t {
    Undetermined,  // the clock was not read yet
    Hardware,      // the invariant TSC, or cntvct_el0 on aarch64
    MonotonicRaw,  // clock_gettime(CLOCK_MONOTONIC_RAW): a tick is a nanosecond
};

struct ClockChoice {
    ClockSource source;
    std::string name;    // "tsc", "cntvct_el0" or "monotonic_raw"
    std::string reason;  // why this one, in words for the result file
};

// What the machine allows, after INFERENCE_BENCH_CLOCK=tsc|monotonic_raw (on aarch64: cntvct_el0|monotonic_raw).
[[nodiscard]] ClockChoice choose_clock();

namespace detail {

// Constant-initialised, so that a tick taken from another library's static initialiser is sound.
extern std::atomic<ClockSource> clock_source;

// Decides the source and takes the origin point; returns the first tick.
std::uint64_t first_ticks() noexcept;

inline std::uint64_t read_clock_ns(clockid_t id) noexcept {
    timespec t{};
    clock_gettime(id, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(t.tv_nsec);
}

inline std::uint64_t hardware_ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    std::uint64_t t;
    __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#endif
}

// Earlier instructions have finished and later ones have not begun when the counter is read.
inline std::uint64_t hardware_ticks_begin() noexcept {
#if defined(__x86_64__)
    _mm_lfence();
    const std::uint64_t t = __rdtsc();
    _mm_lfence();
    return t;
#else
    std::uint64_t t;
    __asm__ __volatile__("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(t)::"memory");
    return t;
#endif
}

// rdtscp waits for earlier instructions by itself, so the measured code is not charged for a second fence.
inline std::uint64_t hardware_ticks_end() noexcept {
#if defined(__x86_64__)
    unsigned core = 0;
    const std::uint64_t t = __rdtscp(&core);
    _mm_lfence();
    return t;
#else
    std::uint64_t t;
    __asm__ __volatile__("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(t)::"memory");
    return t;
#endif
}

template <typename Read>
inline std::uint64_t ticks_from(Read read) noexcept {
    const ClockSource source = clock_source.load(std::memory_order_relaxed);
    if (__builtin_expect(source == ClockSource::Hardware, 1)) return read();
    if (source == ClockSource::MonotonicRaw) return read_clock_ns(CLOCK_MONOTONIC_RAW);
    return first_ticks();
}

}  // namespace detail

// Plain read, about 10 ns: for spans. The processor may move it by a few instructions.
[[nodiscard]] inline std::uint64_t ticks() noexcept { return detail::ticks_from(detail::hardware_ticks); }

// Fenced pair, about 24 ns each: for timing a handful of instructions.
[[nodiscard]] inline std::uint64_t ticks_begin() noexcept { return detail::ticks_from(detail::hardware_ticks_begin); }
[[nodiscard]] inline std::uint64_t ticks_end() noexcept { return detail::ticks_from(detail::hardware_ticks_end); }

}  // namespace inference_bench

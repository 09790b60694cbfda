#include "clock_source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace inference_bench {

namespace detail {
std::atomic<ClockSource> clock_source{ClockSource::Undetermined};
}

namespace {

#if defined(__x86_64__)
constexpr std::string_view kHardwareName = "tsc";

std::string kernel_clocksource() {
    const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "";
    char text[32];
    const ssize_t n = read(fd, text, sizeof text);
    close(fd);
    std::string name(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    return name;
}

bool cpuid_edx_bit(unsigned leaf, unsigned bit) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(leaf, &a, &b, &c, &d) != 0 && ((d >> bit) & 1U) != 0;
}

bool has_rdtscp() { return cpuid_edx_bit(0x80000001U, 27); }
bool has_invariant_tsc() { return cpuid_edx_bit(0x80000007U, 8); }

// The kernel drops the TSC as its clocksource when its watchdog finds it unstable or unsynchronised between cores,
// which is a check that no user process could make as well.
ClockChoice automatic() {
    const auto fall_back = [](std::string why) {
        return ClockChoice{ClockSource::MonotonicRaw, "monotonic_raw", std::move(why)};
    };
    if (!has_rdtscp()) return fall_back("the processor has no rdtscp");
    if (!has_invariant_tsc()) return fall_back("CPUID 8000_0007h does not promise an invariant TSC");
    const std::string kernel = kernel_clocksource();
    if (kernel != "tsc") return fall_back("the kernel's clocksource is '" + kernel + "', not 'tsc'");
    return {ClockSource::Hardware, "tsc", "invariant TSC, rdtscp, and the kernel's own clocksource is tsc"};
}

bool hardware_usable() { return has_rdtscp(); }
#else
constexpr std::string_view kHardwareName = "cntvct_el0";

ClockChoice automatic() {
    return {ClockSource::Hardware, "cntvct_el0", "the architecture's generic timer counts at a fixed rate"};
}

bool hardware_usable() { return true; }
#endif

}  // namespace

ClockChoice choose_clock() {
    const char* asked = std::getenv("INFERENCE_BENCH_CLOCK");
    if (asked == nullptr || *asked == '\0') return automatic();
    const std::string wish = asked;
    if (wish == "monotonic_raw") return {ClockSource::MonotonicRaw, wish, "INFERENCE_BENCH_CLOCK=monotonic_raw"};
    if (wish == kHardwareName && hardware_usable()) {
        return {ClockSource::Hardware, wish, "INFERENCE_BENCH_CLOCK=" + wish};
    }
    // A clock cannot throw from inside a tick; the refusal stands in the result instead.
    ClockChoice choice = automatic();
    choice.reason += "; INFERENCE_BENCH_CLOCK='" + wish + "' was ignored: allowed here are ";
    if (hardware_usable()) choice.reason += std::string(kHardwareName) + " and ";
    choice.reason += "monotonic_raw";
    return choice;
}

}  // namespace inference_bench

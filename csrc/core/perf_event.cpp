#include "perf_event.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace inference_bench {
namespace {

struct Config {
    std::uint32_t type;
    std::uint64_t config;
};

Config config_of(PerfEvent::Kind kind) noexcept {
    switch (kind) {
        case PerfEvent::Kind::Instructions:
            return {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS};
        case PerfEvent::Kind::Cycles:
            return {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES};
        case PerfEvent::Kind::CacheMisses:
            return {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES};
        case PerfEvent::Kind::TaskClock:
            return {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK};
        case PerfEvent::Kind::CpuMigrations:
            break;
    }
    return {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS};
}

int open_event(const Config& config, bool user_only) noexcept {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = config.type;
    attributes.config = config.config;
    attributes.exclude_kernel = user_only ? 1 : 0;
    attributes.exclude_hv = user_only ? 1 : 0;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    constexpr int kThisThread = 0, kAnyCpu = -1, kNoGroup = -1;
    return static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, kThisThread, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

PerfEvent::PerfEvent(Kind kind) {
    const Config config = config_of(kind);
    int fd = open_event(config, false);
    const bool refused = fd < 0 && (errno == EACCES || errno == EPERM);
    if (refused && config.type == PERF_TYPE_HARDWARE) {
        user_only_ = true;
        fd = open_event(config, true);
    }
    if (fd < 0) reason_ = "perf_event_open: " + std::generic_category().message(errno);
    file_ = KernelFile(fd);
}

Count PerfEvent::read() const noexcept {
    std::array<std::uint64_t, 3> values{};  // count, time enabled, time running
    if (!available() || ::read(file_.fd(), values.data(), sizeof(values)) != sizeof(values)) return std::nullopt;
    if (values[2] < values[1]) return std::nullopt;
    return static_cast<std::int64_t>(values[0]);
}

}  // namespace inference_bench

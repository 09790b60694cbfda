#include "system_counters.hpp"

#include <unistd.h>

#include "clock.hpp"

namespace inference_bench {
namespace {

Count scaled(Count count, std::int64_t unit) noexcept {
    std::int64_t out = 0;
    if (!count || __builtin_mul_overflow(*count, unit, &out)) return std::nullopt;
    return out;
}

Count sum(Count a, Count b) noexcept { return a && b ? Count(*a + *b) : std::nullopt; }

}  // namespace

namespace procfs {

void read_cpu_line(std::string_view stat, std::int64_t tick_ns, SystemReading& out) noexcept {
    if (stat.substr(0, 4) != "cpu ") return;
    Numbers numbers(stat.substr(0, stat.find('\n')));
    std::array<Count, 8> ticks;  // user nice system idle iowait irq softirq steal; old kernels have fewer
    for (Count& t : ticks) t = scaled(numbers.next(), tick_ns);
    out.user_ns = sum(ticks[0], ticks[1]);
    out.system_ns = ticks[2];
    out.idle_ns = ticks[3];
    out.iowait_ns = ticks[4];
    out.interrupts_ns = sum(ticks[5], ticks[6]);
    out.steal_ns = ticks[7];
}

Count pressure_ns(std::string_view pressure, std::string_view line) noexcept {
    const std::size_t at = pressure.find(line);
    if (at == std::string_view::npos) return std::nullopt;
    constexpr std::int64_t kNsPerMicrosecond = 1000;
    const std::string_view from = pressure.substr(at);
    return scaled(number_after(from.substr(0, from.find('\n')), "total="), kNsPerMicrosecond);
}

}  // namespace procfs

const std::array<CounterField<SystemReading>, 11> SystemReading::kFields = {{
    {"user_ns", &SystemReading::user_ns},
    {"system_ns", &SystemReading::system_ns},
    {"interrupts_ns", &SystemReading::interrupts_ns},
    {"idle_ns", &SystemReading::idle_ns},
    {"iowait_ns", &SystemReading::iowait_ns},
    {"steal_ns", &SystemReading::steal_ns},
    {"cpu_some_pressure_ns", &SystemReading::cpu_some_pressure_ns},
    {"memory_some_pressure_ns", &SystemReading::memory_some_pressure_ns},
    {"memory_full_pressure_ns", &SystemReading::memory_full_pressure_ns},
    {"io_some_pressure_ns", &SystemReading::io_some_pressure_ns},
    {"io_full_pressure_ns", &SystemReading::io_full_pressure_ns},
}};

SystemCounters::SystemCounters()
    : stat_("/proc/stat"), cpu_("/proc/pressure/cpu"), memory_("/proc/pressure/memory"), io_("/proc/pressure/io") {}

SystemReading SystemCounters::read() const {
    static const std::int64_t tick_ns = 1'000'000'000 / sysconf(_SC_CLK_TCK);
    SystemReading r{};
    r.time_ns = now_ns();
    std::array<char, 256> buffer;
    procfs::read_cpu_line(stat_.read(buffer), tick_ns, r);
    r.cpu_some_pressure_ns = procfs::pressure_ns(cpu_.read(buffer), "some");
    const std::string_view memory = memory_.read(buffer);
    r.memory_some_pressure_ns = procfs::pressure_ns(memory, "some");
    r.memory_full_pressure_ns = procfs::pressure_ns(memory, "full");
    const std::string_view io = io_.read(buffer);
    r.io_some_pressure_ns = procfs::pressure_ns(io, "some");
    r.io_full_pressure_ns = procfs::pressure_ns(io, "full");
    return r;
}

}  // namespace inference_bench

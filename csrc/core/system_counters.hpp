// What the whole machine was busy with: time taken by others, and pressure.
#pragma once

#include <array>

#include "kernel_file.hpp"
#include "reading.hpp"

namespace inference_bench {

// Times are sums over all cores, in steps of the kernel's tick (usually 10 ms); pressures are wall time in steps of 1
// us.
struct SystemReading {
    std::int64_t time_ns;
    Count user_ns;  // nice included
    Count system_ns;
    Count interrupts_ns;  // hard and soft
    Count idle_ns;
    Count iowait_ns;
    Count steal_ns;  // the hypervisor ran another guest; 0 also if it does not report it
    Count cpu_some_pressure_ns;
    Count memory_some_pressure_ns;
    Count memory_full_pressure_ns;
    Count io_some_pressure_ns;
    Count io_full_pressure_ns;

    static const std::array<CounterField<SystemReading>, 11> kFields;
};

class SystemCounters {
  public:
    SystemCounters();
    // About 20 us, and more with hundreds of cores. Any thread, also in a forked child.
    [[nodiscard]] SystemReading read() const;

  private:
    KernelFile stat_, cpu_, memory_, io_;
};

namespace procfs {

// From the first line of /proc/stat, which counts ticks of `tick_ns`.
void read_cpu_line(std::string_view stat, std::int64_t tick_ns, SystemReading& out) noexcept;
// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", and another line "full"; microseconds.
[[nodiscard]] Count pressure_ns(std::string_view pressure, std::string_view line) noexcept;

}  // namespace procfs
}  // namespace inference_bench

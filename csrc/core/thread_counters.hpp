// One thread's context switches, page faults, waits for a core and moves between cores.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "kernel_file.hpp"
#include "perf_event.hpp"
#include "reading.hpp"

namespace inference_bench {

struct ThreadReading {
    std::int64_t time_ns;
    Count cpu_time_ns;
    Count run_queue_wait_ns;     // ready, and not running
    Count voluntary_switches;    // it waited for something
    Count involuntary_switches;  // another was given the core
    Count cpu_migrations;
    Count minor_faults;
    Count major_faults;  // had to read from disk
    Count instructions;
    Count cycles;
    Count cache_misses;  // of the last level
    Count task_clock_ns;

    static const std::array<CounterField<ThreadReading>, 11> kFields;
};

// Of the thread that makes it, and to be read by no other: getrusage knows only its caller.
class ThreadCounters {
  public:
    // perf: also instructions, cycles, cache misses and the task clock. It lengthens every context switch of the
    // thread.
    explicit ThreadCounters(bool perf);

    [[nodiscard]] pid_t owner() const noexcept { return owner_; }
    // False on another thread than the owner's, also on the only one of a forked child.
    [[nodiscard]] bool on_owner() const noexcept;
    // About 5 us; each perf event 0.5 us more.
    [[nodiscard]] ThreadReading read() const;

    // Which counters are absent or see only a part, and why.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> limits() const;

  private:
    [[nodiscard]] Count cpu_migrations() const noexcept;

    pid_t owner_;
    bool perf_;
    KernelFile schedstat_;
    KernelFile sched_;
    PerfEvent instructions_, cycles_, cache_misses_, task_clock_, migrations_;
};

}  // namespace inference_bench

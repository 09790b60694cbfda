#include "thread_counters.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "clock.hpp"

namespace inference_bench {
namespace {

pid_t this_thread() noexcept { return static_cast<pid_t>(syscall(SYS_gettid)); }

Count thread_cpu_time_ns() noexcept {
    timespec t{};
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) return std::nullopt;
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

const std::array<CounterField<ThreadReading>, 11> ThreadReading::kFields = {{
    {"cpu_time_ns", &ThreadReading::cpu_time_ns},
    {"run_queue_wait_ns", &ThreadReading::run_queue_wait_ns},
    {"voluntary_switches", &ThreadReading::voluntary_switches},
    {"involuntary_switches", &ThreadReading::involuntary_switches},
    {"cpu_migrations", &ThreadReading::cpu_migrations},
    {"minor_faults", &ThreadReading::minor_faults},
    {"major_faults", &ThreadReading::major_faults},
    {"instructions", &ThreadReading::instructions},
    {"cycles", &ThreadReading::cycles},
    {"cache_misses", &ThreadReading::cache_misses},
    {"task_clock_ns", &ThreadReading::task_clock_ns},
}};

// thread-self is resolved when opened: the descriptors keep showing this thread.
ThreadCounters::ThreadCounters(bool perf)
    : owner_(this_thread()), perf_(perf), schedstat_("/proc/thread-self/schedstat"), sched_("/proc/thread-self/sched") {
    if (!perf) return;
    instructions_ = PerfEvent(PerfEvent::Kind::Instructions);
    cycles_ = PerfEvent(PerfEvent::Kind::Cycles);
    cache_misses_ = PerfEvent(PerfEvent::Kind::CacheMisses);
    task_clock_ = PerfEvent(PerfEvent::Kind::TaskClock);
    migrations_ = PerfEvent(PerfEvent::Kind::CpuMigrations);
}

bool ThreadCounters::on_owner() const noexcept { return this_thread() == owner_; }

Count ThreadCounters::cpu_migrations() const noexcept {
    if (migrations_.available()) return migrations_.read();
    std::array<char, 1024> buffer;  // the line is the fourth
    return procfs::number_after(sched_.read(buffer), "se.nr_migrations");
}

ThreadReading ThreadCounters::read() const {
    ThreadReading r{};
    r.time_ns = now_ns();
    rusage usage{};
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        r.voluntary_switches = usage.ru_nvcsw;
        r.involuntary_switches = usage.ru_nivcsw;
        r.minor_faults = usage.ru_minflt;
        r.major_faults = usage.ru_majflt;
    }
    r.cpu_time_ns = thread_cpu_time_ns();
    std::array<char, 96> buffer;
    procfs::Numbers schedstat(schedstat_.read(buffer));  // time on the core, time ready, number of turns
    static_cast<void>(schedstat.next());
    r.run_queue_wait_ns = schedstat.next();
    r.cpu_migrations = cpu_migrations();
    if (!perf_) return r;
    r.instructions = instructions_.read();
    r.cycles = cycles_.read();
    r.cache_misses = cache_misses_.read();
    r.task_clock_ns = task_clock_.read();
    return r;
}

std::vector<std::pair<std::string, std::string>> ThreadCounters::limits() const {
    std::vector<std::pair<std::string, std::string>> out;
    if (!schedstat_.is_open()) out.emplace_back("run_queue_wait_ns", "the kernel has no schedstat");
    if (!migrations_.available() && !sched_.is_open()) {
        out.emplace_back("cpu_migrations",
                         "the kernel has no /proc/thread-self/sched, and perf was not asked or refused");
    }
    const std::pair<const char*, const PerfEvent*> events[] = {{"instructions", &instructions_},
                                                               {"cycles", &cycles_},
                                                               {"cache_misses", &cache_misses_},
                                                               {"task_clock_ns", &task_clock_}};
    for (const auto& [name, event] : events) {
        if (!perf_) out.emplace_back(name, "perf was not asked for");
        if (perf_ && !event->available()) out.emplace_back(name, event->reason());
        if (event->available() && event->user_only()) out.emplace_back(name, "user space only");
    }
    return out;
}

}  // namespace inference_bench

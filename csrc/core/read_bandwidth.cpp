#include "read_bandwidth.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>

#include "clock.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kMostGrowth = 1000;  // of the passes, from one trial to the next

std::int64_t within(const char* name, std::int64_t given, std::int64_t least, std::int64_t most) {
    if (given >= least && given <= most) return given;
    throw std::invalid_argument(std::string(name) + " must be from " + std::to_string(least) + " to " +
                                std::to_string(most) + "; given " + std::to_string(given));
}

std::size_t part_of(std::int64_t working_set_bytes, std::int64_t threads) {
    constexpr auto kBlock = static_cast<std::int64_t>(kReadSumBytes);
    within("threads", threads, 1, ReadBandwidth::kMostThreads);
    within("working_set_bytes", working_set_bytes, kBlock * threads, ReadBandwidth::kMostBytes);
    return static_cast<std::size_t>(working_set_bytes / threads / kBlock) * kReadSumBytes;
}

// The CPUs that this thread may run on, in order; none where the kernel does not tell.
std::vector<std::size_t> allowed_cpus() {
    std::vector<std::size_t> found;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return found;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed)) found.push_back(cpu);
    }
    return found;
}

// Binds this thread to a CPU; one that may not be used any more leaves it as it is.
void bind_to(std::size_t cpu) noexcept {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    sched_setaffinity(0, sizeof only, &only);
}

}  // namespace

FreshPages::FreshPages(std::size_t bytes)
    : begin_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), bytes_(bytes) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
}

FreshPages::~FreshPages() { munmap(begin_, bytes_); }

ReadBandwidth::ReadBandwidth(std::int64_t working_set_bytes, std::int64_t threads, std::int64_t repetitions,
                             std::int64_t least_ns)
    : sum_(read_sums().front()),
      part_bytes_(part_of(working_set_bytes, threads)),
      repetitions_(static_cast<std::size_t>(within("repetitions", repetitions, 1, kMostRepetitions))),
      least_ns_(within("least_ns", least_ns, 0, kMostLeastNs)),
      pages_(part_bytes_ * static_cast<std::size_t>(threads)),
      readers_(static_cast<std::size_t>(threads)),
      barrier_(static_cast<std::uint32_t>(threads)) {
    times_ns_.reserve(repetitions_);
    calibrate_clock();
    start();
}

ReadBandwidth::~ReadBandwidth() { stop(); }

void ReadBandwidth::start() {
    std::uint64_t* part = pages_.numbers();
    const std::vector<std::size_t> cpus = allowed_cpus();
    const std::size_t words = part_bytes_ / sizeof *part;
    for (std::size_t place = 0; place < readers_.size(); ++place) {
        Reader& reader = readers_[place];
        reader.of = this;
        if (readers_.size() <= cpus.size()) reader.cpu = cpus[place];
        reader.part = part;
        part += words;
    }
    try {
        for (Reader& reader : readers_) reader.thread.start("ib-read", run, &reader);
    } catch (...) {
        stop();  // those that run wait for those that do not
        throw;
    }
}

void ReadBandwidth::stop() noexcept {
    barrier_.abandon();
    for (Reader& reader : readers_) reader.thread.stop();
}

bool ReadBandwidth::wait(std::int64_t slice_ns) noexcept {
    const timespec slice{slice_ns / 1'000'000'000, static_cast<long>(slice_ns % 1'000'000'000)};
    if (done_.load(std::memory_order_acquire) == 0) {
        syscall(SYS_futex, &done_, FUTEX_WAIT_PRIVATE, 0, &slice, nullptr, 0);
    }
    return done_.load(std::memory_order_acquire) != 0;
}

std::uint64_t ReadBandwidth::sum() const noexcept {
    return std::accumulate(readers_.begin(), readers_.end(), std::uint64_t{0},
                           [](std::uint64_t total, const Reader& reader) { return total + reader.sum; });
}

void ReadBandwidth::run(void* argument) noexcept {
    Reader& reader = *static_cast<Reader*>(argument);
    ReadBandwidth& of = *reader.of;
    if (reader.cpu.has_value()) bind_to(*reader.cpu);
    of.touch(reader);
    of.read(reader);  // brings into the caches what they hold
    const bool first = &reader == &of.readers_.front();
    while (of.barrier_.wait() && of.times_ns_.size() < of.repetitions_) {
        of.read(reader);
        if (!of.barrier_.wait()) return;
        if (first) of.keep_time();
    }
}

void ReadBandwidth::touch(const Reader& reader) const noexcept {
    const std::size_t words = part_bytes_ / sizeof *reader.part;
    std::iota(reader.part, reader.part + words, std::uint64_t{0});
}

void ReadBandwidth::read(Reader& reader) const noexcept {
    reader.sum = 0;
    reader.begin = ticks_begin();
    for (std::int64_t pass = 0; pass < passes_ && !barrier_.abandoned(); ++pass) {
        reader.sum += sum_.sum(reader.part, part_bytes_);
    }
    reader.end = ticks_end();
}

// Keeps the time of a repetition. One that was too short only says how many passes the next needs; at its end the
// repetitions begin.
void ReadBandwidth::keep_time() noexcept {
    const std::int64_t ns = std::max<std::int64_t>(elapsed_ns(), 1);
    if (warm_) {
        times_ns_.push_back(ns);
    } else if (ns < least_ns_) {
        passes_ *= std::clamp<std::int64_t>(least_ns_ / ns + 1, 2, kMostGrowth);
    } else {
        warm_ = true;
    }
    if (times_ns_.size() < repetitions_) return;
    done_.store(1, std::memory_order_release);
    syscall(SYS_futex, &done_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

std::int64_t ReadBandwidth::elapsed_ns() const {
    std::uint64_t begin = readers_.front().begin, end = readers_.front().end;
    for (const Reader& reader : readers_) {
        begin = std::min(begin, reader.begin);
        end = std::max(end, reader.end);
    }
    return ticks_to_ns(end) - ticks_to_ns(begin);
}

}  // namespace inference_bench

#include "nvml_sampler.hpp"

#include <stdexcept>

#include "clock.hpp"
#include "sampling_pace.hpp"

namespace inference_bench::nvml {
namespace {

constexpr std::int64_t kShortestIntervalNs = 10'000'000;
constexpr std::int64_t kLongestIntervalNs = 3'600'000'000'000;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 26;

void require(bool good, const char* name, const std::string& allowed, const std::string& given) {
    if (!good) throw std::invalid_argument(std::string(name) + " must be " + allowed + "; given " + given);
}

const SamplerOptions& checked(const SamplerOptions& o) {
    require(o.interval_ns >= kShortestIntervalNs && o.interval_ns <= kLongestIntervalNs, "interval_ns",
            "from " + std::to_string(kShortestIntervalNs) + " to " + std::to_string(kLongestIntervalNs),
            std::to_string(o.interval_ns));
    require(o.capacity >= 1 && o.capacity <= kMostSamples, "capacity",
            "from 1 to " + std::to_string(kMostSamples) + " samples", std::to_string(o.capacity));
    require(o.budget > 0 && o.budget <= 1, "budget", "above 0 and at most 1 core", std::to_string(o.budget));
    return o;
}

// One writer, so no read-modify-write instruction is needed.
void add(std::atomic<std::int64_t>& counter, std::int64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

template <typename Get>
std::shared_ptr<const std::int64_t[]> column(std::size_t rows, Get get) {
    const std::shared_ptr<std::int64_t[]> out(new std::int64_t[rows]);
    for (std::size_t i = 0; i < rows; ++i) out.get()[i] = get(i);
    return out;
}

}  // namespace

Sampler::Sampler(const std::string& which, const SamplerOptions& options)
    : options_(checked(options)),
      gpu_(which),
      rows_(new Row[static_cast<std::size_t>(options.capacity)]),
      present_interval_ns_(options.interval_ns) {}

Sampler::~Sampler() {
    if (!foreign()) stop();
}

void Sampler::start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (thread_.running()) throw std::runtime_error("the NVML sampler is running already; stop() it first");
    static_cast<void>(ticks());  // decides the clock before the thread needs it
    thread_.start("ib-nvml", thread_main, this);
    started_ns_ = monotonic_ns();
}

void Sampler::stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!thread_.running()) return;
    thread_.stop();
    ran_ns_ += monotonic_ns() - started_ns_;
}

bool Sampler::running() const { return thread_.running(); }

void Sampler::thread_main(void* self) noexcept { static_cast<Sampler*>(self)->run(); }

void Sampler::run() noexcept {
    SamplingPace pace(monotonic_ns(), options_.interval_ns, options_.budget);
    const std::int64_t missed_before = missed_.load(std::memory_order_relaxed);
    const std::int64_t lengthened_before = lengthened_.load(std::memory_order_relaxed);
    std::int64_t cpu_before = 0;
    bool stopping = false;
    while (!stopping) {
        take_sample();
        maintain_clock();
        const std::int64_t cpu = thread_cpu_ns();
        const std::int64_t deadline = pace.next(monotonic_ns(), cpu - cpu_before);
        add(cpu_ns_, cpu - cpu_before);
        cpu_before = cpu;
        missed_.store(missed_before + pace.missed(), std::memory_order_relaxed);
        lengthened_.store(lengthened_before + pace.lengthened(), std::memory_order_relaxed);
        present_interval_ns_.store(pace.interval_ns(), std::memory_order_relaxed);
        stopping = thread_.wait_until(deadline);
    }
    take_sample();  // the state at the end, however long the interval
}

void Sampler::take_sample() noexcept {
    const std::size_t row = size_.load(std::memory_order_relaxed);
    if (row == static_cast<std::size_t>(options_.capacity)) {
        add(dropped_, 1);
        return;
    }
    Row& out = rows_[row];
    out.ticks = ticks();
    out.reading = gpu_.read();
    out.end_ticks = ticks();
    size_.store(row + 1, std::memory_order_release);
}

SamplerColumns Sampler::columns() const {
    const std::size_t rows = size_.load(std::memory_order_acquire);
    const Row* const all = rows_.get();
    SamplerColumns out{};
    out.rows = rows;
    out.time_ns = column(rows, [=](std::size_t i) { return ticks_to_ns(all[i].ticks); });
    out.probe_cost_ns =
        column(rows, [=](std::size_t i) { return ticks_to_ns(all[i].end_ticks) - ticks_to_ns(all[i].ticks); });
    for (std::size_t field = 0; field < kFields; ++field) {
        if (!gpu_.supports(static_cast<Field>(field))) continue;
        out.fields[field] = column(rows, [=](std::size_t i) { return all[i].reading[field]; });
    }
    return out;
}

SamplerStats Sampler::stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::int64_t ran_ns = ran_ns_ + (thread_.running() ? monotonic_ns() - started_ns_ : 0);
    SamplerStats s{};
    s.dropped = dropped_.load(std::memory_order_relaxed);
    s.samples = static_cast<std::int64_t>(size_.load(std::memory_order_acquire)) + s.dropped;
    s.missed = missed_.load(std::memory_order_relaxed);
    s.interval_ns = options_.interval_ns;
    s.present_interval_ns = present_interval_ns_.load(std::memory_order_relaxed);
    s.lengthened = lengthened_.load(std::memory_order_relaxed);
    const auto cpu_ns = static_cast<double>(cpu_ns_.load(std::memory_order_relaxed));
    s.duty = ran_ns == 0 ? 0 : cpu_ns / static_cast<double>(ran_ns);
    return s;
}

}  // namespace inference_bench::nvml

#include "memory_sampler.hpp"

#include <algorithm>
#include <stdexcept>

#include "clock.hpp"
#include "sampling_pace.hpp"

namespace inference_bench {
namespace {

constexpr std::int64_t kShortestIntervalNs = 100'000;  // waking up alone is 2 % of a core at 1 ms, 22 % at 100 us
constexpr std::int64_t kLongestIntervalNs = 3'600'000'000'000;

// One writer, so no read-modify-write instruction is needed.
void add(std::atomic<std::int64_t>& counter, std::int64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

void require(bool good, const char* name, const std::string& allowed, const std::string& given) {
    if (!good) throw std::invalid_argument(std::string(name) + " must be " + allowed + "; given " + given);
}

const MemorySamplerOptions& checked(const MemorySamplerOptions& o) {
    constexpr auto kMost = static_cast<std::int64_t>(SampleColumns::kMaxCapacity);
    require(o.interval_ns >= kShortestIntervalNs && o.interval_ns <= kLongestIntervalNs, "interval_ns",
            "from " + std::to_string(kShortestIntervalNs) + " to " + std::to_string(kLongestIntervalNs),
            std::to_string(o.interval_ns));
    require(o.capacity >= 1 && o.capacity <= kMost, "capacity", "from 1 to " + std::to_string(kMost) + " samples",
            std::to_string(o.capacity));
    require(o.budget > 0 && o.budget <= 1, "budget", "above 0 and at most 1 core", std::to_string(o.budget));
    return o;
}

std::int64_t duration_ns(std::uint64_t from_ticks, std::int64_t ticks) {
    return ticks_to_ns(from_ticks + static_cast<std::uint64_t>(ticks)) - ticks_to_ns(from_ticks);
}

}  // namespace

MemorySampler::MemorySampler(const MemorySamplerOptions& options)
    : registry_(ForkRegistry<MemorySampler>::get()),
      options_(checked(options)),
      columns_(std::make_shared<SampleColumns>(static_cast<std::size_t>(options.capacity))),
      phases_(options.reset_hwm, options.pss),
      present_interval_ns_(options.interval_ns) {
    registry_.add(this);
}

MemorySampler::~MemorySampler() {
    stop();
    registry_.remove(this);
}

void MemorySampler::start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (running_) throw std::runtime_error("the memory sampler is running already; stop() it first");
    static_cast<void>(ticks());                   // decides the clock before the thread needs it
    probes_ = std::make_unique<ProcessProbes>();  // anew each time: this may be the child of a fork
    has_cgroup_ = has_cgroup_ || probes_->has_cgroup();
    started_ns_ = monotonic_ns();
    thread_.start("ib-mem", thread_main, this);
    running_ = true;
}

void MemorySampler::stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!running_) return;
    phases_.end(*probes_);
    thread_.stop();
    running_ = false;
    ran_ns_ += monotonic_ns() - started_ns_;
}

bool MemorySampler::running() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return running_;
}

void MemorySampler::mark_phase(const std::string& name) {
    if (name.empty())
        throw std::invalid_argument("a phase's name must not be empty: that stands for outside every phase");
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!running_) throw std::runtime_error("cannot mark phase '" + name + "': the memory sampler is not running");
    phases_.begin(name, *probes_);
}

// ---- the thread

void MemorySampler::thread_main(void* self) noexcept { static_cast<MemorySampler*>(self)->run(); }

void MemorySampler::run() noexcept {
    SamplingPace pace(monotonic_ns(), options_.interval_ns, options_.budget);
    const std::int64_t missed_before = missed_.load(std::memory_order_relaxed);
    const std::int64_t lengthened_before = lengthened_.load(std::memory_order_relaxed);
    std::int64_t cpu_before = 0;
    bool stopping = false;
    do {
        take_sample();
        columns_->commit_ahead();
        maintain_clock();
        const std::int64_t cpu = thread_cpu_ns();
        const std::int64_t deadline = pace.next(monotonic_ns(), cpu - cpu_before);
        add(cpu_ns_, cpu - cpu_before);
        cpu_before = cpu;
        missed_.store(missed_before + pace.missed(), std::memory_order_relaxed);
        lengthened_.store(lengthened_before + pace.lengthened(), std::memory_order_relaxed);
        present_interval_ns_.store(pace.interval_ns(), std::memory_order_relaxed);
        stopping = thread_.wait_until(deadline);
    } while (!stopping);
    take_sample();  // the state at the end, however long the interval
}

void MemorySampler::take_sample() noexcept {
    MemorySample sample{};
    sample.ticks = ticks();
    sample.rss_bytes = probes_->rss_bytes();
    sample.cgroup_bytes = probes_->cgroup_bytes();
    sample.cost_ticks = static_cast<std::int64_t>(ticks() - sample.ticks);
    if (!columns_->append(sample)) add(dropped_, 1);
}

// ---- what was recorded

MemoryColumns MemorySampler::columns() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t rows = columns_->size();
    const std::uint64_t* const ticks = columns_->ticks();
    const std::shared_ptr<std::int64_t[]> time_ns(new std::int64_t[rows]);
    const std::shared_ptr<std::int64_t[]> cost_ns(new std::int64_t[rows]);
    const std::shared_ptr<std::uint16_t[]> phase(new std::uint16_t[rows]());
    ticks_to_ns(ticks, time_ns.get(), rows);
    for (std::size_t i = 0; i < rows; ++i) cost_ns.get()[i] = duration_ns(ticks[i], columns_->cost_ticks()[i]);
    phases_.label(*columns_, rows, phase.get());

    MemoryColumns out{};
    out.rows = rows;
    out.time_ns = time_ns;
    // Aliases: the columns stay alive as long as a view of one of them.
    out.rss_bytes = std::shared_ptr<const std::int64_t[]>(columns_, columns_->rss_bytes());
    if (has_cgroup_) out.cgroup_bytes = std::shared_ptr<const std::int64_t[]>(columns_, columns_->cgroup_bytes());
    out.phase = phase;
    out.probe_cost_ns = cost_ns;
    return out;
}

std::vector<std::string> MemorySampler::phase_names() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return phases_.names();
}

std::vector<MemoryPhase> MemorySampler::phases() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return phases_.summaries(*columns_, columns_->size());
}

MemorySamplerStats MemorySampler::stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t rows = columns_->size();
    std::vector<std::int64_t> costs(columns_->cost_ticks(), columns_->cost_ticks() + rows);
    std::sort(costs.begin(), costs.end());
    const std::uint64_t reference = rows == 0 ? 0 : columns_->ticks()[0];
    const std::int64_t ran_ns = ran_ns_ + (running_ ? monotonic_ns() - started_ns_ : 0);
    MemorySamplerStats s{};
    s.dropped = dropped_.load(std::memory_order_relaxed);
    s.samples = static_cast<std::int64_t>(rows) + s.dropped;
    s.missed = missed_.load(std::memory_order_relaxed);
    s.interval_ns = options_.interval_ns;
    s.present_interval_ns = present_interval_ns_.load(std::memory_order_relaxed);
    s.achieved_interval_ns = s.samples < 2 ? 0 : static_cast<double>(ran_ns) / static_cast<double>(s.samples - 1);
    s.lengthened = lengthened_.load(std::memory_order_relaxed);
    s.duty =
        ran_ns == 0 ? 0 : static_cast<double>(cpu_ns_.load(std::memory_order_relaxed)) / static_cast<double>(ran_ns);
    s.probe_cost_p50_ns = rows == 0 ? 0 : duration_ns(reference, costs[rows / 2]);
    s.probe_cost_max_ns = rows == 0 ? 0 : duration_ns(reference, costs.back());
    s.buffer_bytes = static_cast<std::int64_t>(columns_->committed_bytes());
    return s;
}

// ---- fork

// The thread did not come along, so there is nothing to join.
void MemorySampler::abandon_in_child() noexcept {
    if (!running_) return;
    running_ = false;
    ran_ns_ += monotonic_ns() - started_ns_;
    phases_.end_unread();
}

}  // namespace inference_bench

#include "cuda_event_timer.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>
#include <utility>

#include "clock.hpp"

namespace inference_bench::cuda {
namespace {

constexpr std::int64_t kShortestPollNs = 50'000;  // polling without a pause cost TensorFlow 31 cores (issue 19073)
constexpr std::int64_t kLongestPollNs = 2'000'000;
constexpr std::int64_t kAwakeNs = 100'000'000;  // without work, then it sleeps until called: calling costs 2 us
constexpr std::size_t kReadsPerPoll = 64;       // the driver's lock is let go in between
constexpr std::size_t kMostUncollected = std::size_t{1} << 22;  // 300 MB that nobody came for

}  // namespace

CudaEventTimer::CudaEventTimer(const Driver& driver, std::size_t capacity, int device, bool reader)
    : driver_(driver), context_(driver, device), pool_(context_), timeline_(context_) {
    if (reader && !capture_mode_can_be_exchanged(driver)) {
        throw std::runtime_error(driver.library +
                                 ": cuThreadExchangeStreamCaptureMode is missing or does not work, without which a "
                                 "reader thread would break other threads' graph captures; use reader=False");
    }
    const CudaContext::Scope scope(context_, CaptureMode::Relaxed);
    pool_.grow(capacity);
    read_.reserve(capacity);
    floor_ = measure_event_floor(driver_, pool_, timeline_.idle_stream());
    if (reader) reader_.start("ib-cuda", reader_main, this);
}

// ---- recording

bool CudaEventTimer::capturing(Stream stream) const noexcept {
    // An event recorded now would become a node of somebody's graph and tell no time.
    int status = kCaptureStatusNone;
    if (driver_.stream_is_capturing == nullptr) return false;
    return driver_.stream_is_capturing(stream, &status) == kSuccess && status != kCaptureStatusNone;
}

CudaEventTimer::Refusal CudaEventTimer::begin(std::uintptr_t stream, std::uint32_t calls, std::uint64_t& id) noexcept {
    if (__builtin_expect(context_.foreign(), 0)) return Refusal::Forked;
    if (__builtin_expect(open_count_ == kMaxOpen, 0)) return Refusal::TooManyOpen;
    id = next_id_.load(std::memory_order_relaxed);
    next_id_.store(id + 1, std::memory_order_relaxed);
    EventPair* const pair = pool_.take();
    open_[open_count_] = {id, pair};
    ++open_count_;
    if (__builtin_expect(pair == nullptr, 0)) {
        exhausted_.store(exhausted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return Refusal::None;
    }
    pair->id = id;
    pair->stream = reinterpret_cast<Stream>(stream);
    pair->calls = calls;
    const bool in_graph = capturing(pair->stream);
    pair->before_begin = ticks();
    pair->error = in_graph ? kStreamCaptureUnsupported : driver_.event_record(pair->begin, pair->stream);
    pair->after_begin = ticks();
    return Refusal::None;
}

CudaEventTimer::Refusal CudaEventTimer::end() noexcept {
    if (open_count_ == 1) return close(0);
    if (context_.foreign()) return Refusal::Forked;
    return open_count_ == 0 ? Refusal::NoneOpen : Refusal::SeveralOpen;
}

CudaEventTimer::Refusal CudaEventTimer::end(std::uint64_t id) noexcept {
    for (std::size_t i = open_count_; i > 0; --i) {
        if (open_[i - 1].id == id) return close(i - 1);
    }
    return context_.foreign() ? Refusal::Forked : Refusal::UnknownId;
}

CudaEventTimer::Refusal CudaEventTimer::close(std::size_t index) noexcept {
    if (__builtin_expect(context_.foreign(), 0)) return Refusal::Forked;
    EventPair* const pair = open_[index].pair;
    if (__builtin_expect(pair != nullptr, 1)) {
        pair->before_end = ticks();
        if (pair->error == kSuccess) {
            pair->error =
                capturing(pair->stream) ? kStreamCaptureUnsupported : driver_.event_record(pair->end, pair->stream);
        }
        pair->after_end = ticks();
        submitted_.push(pair);
        // Both sides are sequentially consistent: either the reader sees the pair before it sleeps, or we see it idle.
        if (reader_idle_.load()) reader_.wake();
    }
    --open_count_;
    open_[index] = open_[open_count_];
    return Refusal::None;
}

// ---- reading

bool CudaEventTimer::read_ready(std::size_t at_most) noexcept {
    queues_.add(submitted_.take_all());
    bool left = false;
    for (StreamQueue& queue : queues_) {
        while (EventPair* const pair = queue.oldest) {
            if (at_most == 0) return false;
            if (pair->error == kSuccess) {
                const Result result = driver_.event_query(pair->end);
                ++queries_;
                if (result == kNotReady) break;
                pair->error = result;
            }
            --at_most;
            queue.pop();
            read(*pair);
            pool_.give_back(pair);
        }
        left = left || queue.oldest != nullptr;
    }
    return !left;
}

void CudaEventTimer::read(EventPair& pair) noexcept {
    Interval out{};
    out.id = pair.id;
    out.stream = pair.stream;
    out.calls = pair.calls;
    out.error = pair.error;
    out.after_begin = pair.after_begin;
    out.before_end = pair.before_end;
    out.gpu_begin_ns = kNoTime;
    out.gpu_ns = kNoTime;
    if (out.error == kSuccess) {
        float ms = 0;
        out.error = driver_.event_elapsed_time(&ms, pair.begin, pair.end);
        if (out.error == kSuccess && !std::isfinite(ms)) out.error = kUnknown;
        // After the duration was read: locating may exchange the event for another.
        if (out.error == kSuccess) out.error = timeline_.locate(pair.begin, out.gpu_begin_ns);
        if (out.error == kSuccess) {
            out.gpu_ns = std::llround(static_cast<double>(ms) * 1e6);
            average_gpu_ns_ += (static_cast<double>(out.gpu_ns) - average_gpu_ns_) / 8;
        }
    }
    ++reads_;
    if (out.error != kSuccess) ++failed_;
    if (read_.size() == kMostUncollected) {
        ++dropped_;
        return;
    }
    try {
        read_.push_back(out);
    } catch (const std::bad_alloc&) {
        ++dropped_;
    }
}

bool CudaEventTimer::read_until(std::int64_t deadline_ns) {
    const CudaContext::Scope scope(context_, CaptureMode::Relaxed);
    for (;;) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (read_ready(std::numeric_limits<std::size_t>::max())) return true;
        }
        if (monotonic_ns() >= deadline_ns) return false;
        const timespec pause{0, kShortestPollNs};
        nanosleep(&pause, nullptr);
    }
}

CudaColumns CudaEventTimer::take_columns() {
    const CudaContext::Scope scope(context_, CaptureMode::Relaxed);
    const std::lock_guard<std::mutex> lock(mutex_);
    const Result anchored = timeline_.anchor();
    anchor_error_ = anchored == kSuccess ? "" : driver_.name_of(anchored);
    grow_if_exhausted();

    std::vector<Interval> intervals;
    intervals.reserve(pool_.size());
    intervals.swap(read_);
    return columns_of(std::move(intervals), timeline_);
}

void CudaEventTimer::grow_if_exhausted() {
    const std::int64_t exhausted = exhausted_.load(std::memory_order_relaxed);
    if (exhausted == exhausted_before_ || pool_.size() == CudaEventPool::kMaxPairs) return;
    exhausted_before_ = exhausted;
    try {
        pool_.grow(pool_.size());
        ++grown_;
        growth_error_.clear();
    } catch (const std::exception& error) {
        growth_error_ = error.what();  // what was recorded is worth more than the exception
    }
}

CudaTimerStats CudaEventTimer::stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    CudaTimerStats s{};
    s.capacity = static_cast<std::int64_t>(pool_.size());
    s.begun = static_cast<std::int64_t>(next_id_.load(std::memory_order_relaxed));
    s.exhausted = exhausted_.load(std::memory_order_relaxed);
    s.dropped = dropped_;
    s.grown = grown_;
    s.read = reads_;
    s.failed = failed_;
    s.queries = queries_;
    s.reader = reader_.running();
    s.growth_error = growth_error_;
    s.anchor_error = anchor_error_;
    s.timeline = timeline_.describe();
    return s;
}

// ---- the reader

void CudaEventTimer::reader_main(void* self) noexcept { static_cast<CudaEventTimer*>(self)->run_reader(); }

void CudaEventTimer::run_reader() noexcept {
    // For the whole life of the thread: in the default mode its first query would end any capture under way elsewhere.
    const CudaContext::Scope scope(context_, CaptureMode::ThreadLocal);
    std::int64_t worked_ns = monotonic_ns();
    for (;;) {
        bool idle = false;
        std::int64_t pause_ns = kShortestPollNs;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            const std::size_t before = read_.size();
            idle = read_ready(kReadsPerPoll);
            if (!idle || read_.size() != before) worked_ns = monotonic_ns();
            pause_ns = std::clamp(static_cast<std::int64_t>(average_gpu_ns_ / 4), kShortestPollNs, kLongestPollNs);
        }
        std::int64_t deadline_ns = monotonic_ns() + pause_ns;
        if (idle && monotonic_ns() - worked_ns > kAwakeNs) {
            reader_idle_.store(true);
            if (submitted_.empty()) deadline_ns = NativeThread::kForever;
        }
        const bool stopping = reader_.wait_until(deadline_ns);
        reader_idle_.store(false);
        if (stopping) return;
    }
}

}  // namespace inference_bench::cuda

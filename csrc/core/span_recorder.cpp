#include "span_recorder.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

#include "clock.hpp"
#include "span_registry.hpp"

namespace inference_bench {

namespace {

constexpr std::int64_t kDrainEveryNs = 10'000'000;

SpanRecorderOptions checked(const SpanRecorderOptions& options) {
    const auto check = [](const char* what, std::int64_t given, std::int64_t least) {
        if (given >= least && given <= SpanRecorder::kMaxRecords) return;
        throw std::invalid_argument(std::string(what) + " must be from " + std::to_string(least) + " to " +
                                    std::to_string(SpanRecorder::kMaxRecords) + " records; given " +
                                    std::to_string(given));
    };
    check("capacity", options.capacity, 1);
    check("backlog", options.backlog, 0);
    if (options.overwrite && options.backlog > 0)
        throw std::invalid_argument("overwrite keeps the last records in place: backlog must be 0, given " +
                                    std::to_string(options.backlog));
    return options;
}

// One more than fills the capacity: when overwriting, the newest chunk is nearly empty at times.
std::size_t chunks_for(std::int64_t capacity) {
    return (static_cast<std::size_t>(capacity) + SpanChunk::kRecords - 1) / SpanChunk::kRecords + 1;
}

}  // namespace

SpanRecorder::SpanRecorder(const SpanRecorderOptions& options)
    : options_(checked(options)),
      serial_(++SpanRegistry::get().serials),
      chunks_(chunks_for(options.capacity), options.overwrite),
      shared_(static_cast<std::size_t>(options.capacity), chunks_),
      matcher_(static_cast<std::size_t>(options.capacity)) {
    SpanRegistry::get().recorders.add(
        this);  // last: others look at it from here on, and what throws above leaves no trace
}

SpanRecorder::~SpanRecorder() {
    stop();
    SpanRegistry::get().recorders.remove(this);
}

std::int64_t SpanRecorder::capacity() const noexcept {
    return static_cast<std::int64_t>(chunks_.size() * SpanChunk::kRecords);
}

bool SpanRecorder::running() const noexcept {
    return SpanRegistry::get().running.load(std::memory_order_acquire) == this;
}

void SpanRecorder::start() {
    SpanRegistry& registry = SpanRegistry::get();
    const std::lock_guard<std::mutex> lock(registry.recorders.mutex());
    if (closed()) throw std::runtime_error("this recorder was closed, and that is for good; make another");
    if (registry.running.load(std::memory_order_relaxed) != nullptr) {
        throw std::runtime_error(running() ? "this recorder is running already; stop() it first"
                                           : "another recorder is running, and only one can; stop() that first");
    }
    if (options_.backlog > 0) drainer_.start("ib-spans", drainer_main, this);
    registry.set_running(this);
    registry.ran_last = serial_;
    detail::last_recorder_closed.store(false, std::memory_order_relaxed);
}

void SpanRecorder::stop() {
    const std::lock_guard<std::mutex> lock(SpanRegistry::get().recorders.mutex());
    stop_locked();
}

void SpanRecorder::close() {
    SpanRegistry& registry = SpanRegistry::get();
    const std::lock_guard<std::mutex> lock(registry.recorders.mutex());
    stop_locked();
    closed_.store(true, std::memory_order_relaxed);
    if (registry.ran_last == serial_) detail::last_recorder_closed.store(true, std::memory_order_relaxed);
}

void SpanRecorder::stop_locked() noexcept {
    if (!running()) return;
    SpanRegistry::get().set_running(nullptr);
    drainer_.stop();
}

void SpanRecorder::abandon_in_child() noexcept {
    if (running()) SpanRegistry::get().set_running(nullptr);
    detail::span_producer = {};
    chunks_.close_all();
}

// ---- reading

std::vector<std::pair<std::uint64_t, SpanChunk*>> SpanRecorder::chunks_by_age(std::uint64_t end) {
    // A thread may acquire two chunks during the search, the first behind it and the second ahead of it, and a thread's
    // records must come in their order: so only those that were acquired before.
    std::vector<std::pair<std::uint64_t, SpanChunk*>> found;
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
        SpanChunk& chunk = chunks_[i];
        if (chunk.state.load(std::memory_order_acquire) < SpanChunk::Owned) continue;
        const std::uint64_t sequence = chunk.sequence.load(std::memory_order_relaxed);
        if (sequence < end) found.emplace_back(sequence, &chunk);
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<SpanRecorder::Unread> SpanRecorder::unread(std::uint64_t end) {
    std::vector<Unread> found;
    for (const auto& [sequence, chunk] : chunks_by_age(end)) {
        // Each for itself, so that a flight recorder goes on in all the others. One that was overwritten since it was
        // found holds what is younger than all of these, and waits for the next time.
        if (!chunks_.pin(*chunk)) continue;
        if (chunk->sequence.load(std::memory_order_relaxed) == sequence) {
            found.push_back({chunk, sequence, chunk->drained, chunk->size.load(std::memory_order_acquire)});
        }
        chunks_.unpin(*chunk);
    }
    return found;
}

void SpanRecorder::append(const Unread& part, bool take, RecordColumns& records) noexcept {
    SpanChunk& chunk = *part.chunk;
    if (!chunks_.pin(chunk)) return;
    const bool same = chunk.sequence.load(std::memory_order_relaxed) == part.sequence;
    if (same) records.append(chunk.records + part.from, part.to - part.from, chunk.thread);
    if (same && take) {
        chunks_.unpin_drained(chunk, part.to);
    } else {
        chunks_.unpin(chunk);
    }
}

DrainedSpans SpanRecorder::read(bool take) {
    calibrate_clock();
    const std::lock_guard<std::mutex> lock(reader_);
    // Counted before it is copied: a batch has the size of its records, since a flight recorder keeps many small ones.
    // The shared ones are read first: what a thread had recorded before them is then complete in its chunks.
    const SharedSpans::Contents shared = shared_.contents();
    const std::vector<Unread> parts = unread(shared.acquired);
    std::size_t rows = stored_records_ + shared.records.size();
    for (const Unread& part : parts) rows += part.to - part.from;
    DrainedSpans out{RecordColumns(rows), {}};
    for (const Stored& s : stored_) out.records.append(s.records.get(), s.size, s.thread);
    auto next = shared.records.begin();
    const auto append_shared_before = [&](std::uint64_t sequence) {
        for (; next != shared.records.end() && next->acquired <= sequence; ++next)
            out.records.append(&next->record, 1, next->thread);
    };
    for (const Unread& part : parts) {
        append_shared_before(part.sequence);
        append(part, take, out.records);
    }
    append_shared_before(shared.acquired);
    if (take) {
        shared_.take(shared);
        drained_ += out.records.rows;
        stored_.clear();
        stored_records_ = 0;
        out.matched = matcher_.match(out.records.halves());
    } else {
        out.matched = SpanMatcher(static_cast<std::size_t>(options_.capacity)).match(out.records.halves());
    }
    out.matched.shrink_to_fit();
    return out;
}

DrainedSpans SpanRecorder::drain() { return read(/*take=*/true); }
DrainedSpans SpanRecorder::snapshot() { return read(/*take=*/false); }

SpanCounts SpanRecorder::counts() {
    const std::lock_guard<std::mutex> lock(reader_);
    std::uint64_t waiting = stored_records_ + shared_.size();
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
        SpanChunk& chunk = chunks_[i];
        if (!chunks_.pin(chunk)) continue;
        waiting += chunk.size.load(std::memory_order_acquire) - chunk.drained;
        chunks_.unpin(chunk);
    }
    SpanCounts c{};
    c.recorded = drained_ + waiting;
    c.waiting = waiting;
    c.lost_full = lost_full_.load(std::memory_order_relaxed);
    c.overwritten = chunks_.overwritten() + shared_.overwritten();
    c.open = matcher_.open();
    c.unmatched_begins = matcher_.unmatched_begins();
    c.unmatched_ends = matcher_.unmatched_ends();
    c.memory_bytes = chunks_.size() * sizeof(SpanChunk) + stored_records_ * sizeof(SpanRecord) +
                     shared_.memory_bytes() + matcher_.memory_bytes();
    return c;
}

// ---- the drainer

void SpanRecorder::drainer_main(void* self) noexcept { static_cast<SpanRecorder*>(self)->run_drainer(); }

void SpanRecorder::run_drainer() noexcept {
    while (!drainer_.wait_until(monotonic_ns() + kDrainEveryNs)) {
        maintain_clock();
        try {
            store_closed_chunks();
            // NOLINTNEXTLINE(bugprone-empty-catch): the chunks stay where they are, later records are lost and counted
        } catch (const std::bad_alloc&) {
        }
    }
}

void SpanRecorder::store_closed_chunks() {
    // Not waited for: the lock is held over a fork, and the forking thread may be waiting for the stop() that joins
    // this thread.
    const std::unique_lock<std::mutex> lock(reader_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    for (const auto& [sequence, chunk] : chunks_by_age(chunks_.acquired())) {
        static_cast<void>(sequence);
        if (chunk->state.load(std::memory_order_acquire) != SpanChunk::Closed) continue;
        const std::uint32_t from = chunk->drained;
        const std::uint32_t n = chunk->size.load(std::memory_order_relaxed) - from;
        if (stored_records_ + n > static_cast<std::uint64_t>(options_.backlog)) return;
        stored_.push_back({std::unique_ptr<SpanRecord[]>(new SpanRecord[n]), n, chunk->thread});
        std::copy_n(chunk->records + from, n, stored_.back().records.get());
        stored_records_ += n;
        static_cast<void>(chunks_.pin(*chunk));  // closed, and not ours to overwrite: nothing can come between
        chunks_.unpin_drained(*chunk, from + n);
    }
}

}  // namespace inference_bench

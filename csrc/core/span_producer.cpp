#include "span_producer.hpp"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "span_registry.hpp"

namespace inference_bench::detail {

__thread SpanProducer span_producer __attribute__((tls_model("initial-exec")));
std::atomic<std::uint64_t> running_recorder{0};
std::atomic<bool> last_recorder_closed{false};

SpanChunk* renew_chunk() noexcept {
    SpanRegistry& registry = SpanRegistry::get();
    SpanRecorder* const recorder = registry.running.load(std::memory_order_acquire);
    if (recorder == nullptr) return nullptr;
    if (span_producer.recorder == recorder->serial_) {
        span_producer.chunk->close();
        span_producer = {};
    } else if (span_producer.recorder != 0) {
        registry.leave();
    }
    SpanChunk* const chunk = recorder->chunks_.acquire(static_cast<std::int32_t>(syscall(SYS_gettid)));
    // Any value but null makes the key's destructor run when the thread ends. Without memory for
    // that, the chunk could never be given back, so it is closed unused.
    const bool kept = chunk != nullptr && pthread_setspecific(registry.thread_exit, chunk) == 0;
    if (!kept) {
        if (chunk != nullptr) chunk->close();
        return nullptr;
    }
    span_producer = {chunk, recorder->serial_};
    return chunk;
}

void record_without_chunk(const SpanRecord& made) noexcept {
    SpanRecorder* const recorder = SpanRegistry::get().running.load(std::memory_order_acquire);
    if (recorder == nullptr) return;
    const bool shared =
        recorder->overwrites() && recorder->shared_.add(made, static_cast<std::int32_t>(syscall(SYS_gettid)));
    if (!shared) recorder->lost_full_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace inference_bench::detail

#include "span_registry.hpp"

#include <mutex>
#include <system_error>

namespace inference_bench {

SpanRegistry& SpanRegistry::get() {
    static SpanRegistry* const the_registry = new SpanRegistry;
    return *the_registry;
}

SpanRegistry::SpanRegistry() : recorders(ForkRegistry<SpanRecorder>::get()) {
    const int error = pthread_key_create(&thread_exit, [](void*) { get().leave(); });
    if (error != 0) {
        throw std::system_error(error, std::generic_category(),
                                "cannot make the thread-specific key that a span recorder needs");
    }
}

void SpanRegistry::set_running(SpanRecorder* recorder) noexcept {
    running.store(recorder, std::memory_order_release);
    detail::running_recorder.store(recorder == nullptr ? 0 : recorder->serial_, std::memory_order_release);
}

void SpanRegistry::leave() noexcept {
    const detail::SpanProducer had = detail::span_producer;
    detail::span_producer = {};
    if (had.recorder == 0) return;
    const std::lock_guard<std::mutex> lock(recorders.mutex());
    for (const SpanRecorder* const recorder : recorders.objects()) {
        if (recorder->serial_ == had.recorder) had.chunk->close();
    }
}

}  // namespace inference_bench

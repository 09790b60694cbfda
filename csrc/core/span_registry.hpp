// Which recorders exist and which one runs. A recording thread comes here once per chunk, not once per record.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "fork_registry.hpp"
#include "span_recorder.hpp"

namespace inference_bench {

struct SpanRegistry {
    // Never destroyed: threads may end while the process exits. The first call may throw std::system_error.
    static SpanRegistry& get();

    // Publishes which recorder runs; null: none.
    void set_running(SpanRecorder* recorder) noexcept;
    // Gives this thread's chunk back to its recorder, if that recorder still exists.
    void leave() noexcept;

    ForkRegistry<SpanRecorder>& recorders;  // its mutex also guards starting, stopping and `ran_last`
    std::atomic<std::uint64_t> serials{0};
    std::atomic<SpanRecorder*> running{nullptr};
    std::uint64_t ran_last = 0;   // a serial number; the recorder itself may be gone
    pthread_key_t thread_exit{};  // set in a thread that has a chunk: its destructor calls leave()

  private:
    SpanRegistry();
};

}  // namespace inference_bench

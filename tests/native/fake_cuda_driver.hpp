// A driver made of plain functions, for what must be told to the nanosecond or run under a sanitizer. Its events are
// times on a clock that the test moves.
#pragma once

#include <atomic>
#include <cstdint>

#include "clock.hpp"
#include "cuda_driver.hpp"

namespace fake {

using namespace inference_bench::cuda;

inline std::atomic<std::int64_t> device_ns{0};
// Device nanoseconds a host nanosecond since the origin; 0: the clock stands still.
inline std::atomic<double> host_rate{0};
inline std::atomic<std::int64_t> host_origin_ns{0};

inline std::int64_t device_now() {
    if (host_rate == 0) return device_ns;
    return static_cast<std::int64_t>(static_cast<double>(inference_bench::now_ns() - host_origin_ns) * host_rate);
}

inline std::atomic<std::int64_t>& time_of(Event event) { return *reinterpret_cast<std::atomic<std::int64_t>*>(event); }

inline Driver driver() {
    Driver d;
    d.init = [](unsigned) { return kSuccess; };
    d.device_get_count = [](int* count) { return *count = 1, kSuccess; };
    d.device_get = [](Device* device, int) { return *device = 0, kSuccess; };
    d.primary_ctx_retain = [](Context*, Device) { return kSuccess; };
    d.primary_ctx_release = [](Device) { return kSuccess; };
    d.ctx_get_current = [](Context* context) { return *context = nullptr, kSuccess; };
    d.ctx_push_current = [](Context) { return kSuccess; };
    d.ctx_pop_current = [](Context*) { return kSuccess; };
    d.stream_create = [](Stream*, unsigned) { return kSuccess; };
    d.stream_destroy = [](Stream) { return kSuccess; };
    d.event_create = [](Event* event, unsigned) {
        *event = reinterpret_cast<Event>(new std::atomic<std::int64_t>(0));
        return kSuccess;
    };
    d.event_destroy = [](Event event) { return delete &time_of(event), kSuccess; };
    d.event_record = [](Event event, Stream) { return time_of(event) = device_now(), kSuccess; };
    d.event_query = [](Event event) { return time_of(event) <= device_now() ? kSuccess : kNotReady; };
    d.event_synchronize = [](Event) { return kSuccess; };
    d.event_elapsed_time = [](float* ms, Event begin, Event end) {
        *ms = static_cast<float>(static_cast<double>(time_of(end) - time_of(begin)) / 1e6);
        return kSuccess;
    };
    d.thread_exchange_stream_capture_mode = [](CaptureMode* mode) {
        static thread_local CaptureMode mine = CaptureMode::Global;
        const CaptureMode before = mine;
        mine = *mode, *mode = before;
        return kSuccess;
    };
    return d;
}

}  // namespace fake

// The part of the CUDA driver that timing needs. Building needs no CUDA toolkit: the types are written from the
// public driver API documentation, the functions are looked up in libcuda.so.1 when GPU timing is first asked for.
//
// Nothing here calls cuInit: that comes with the first CudaContext. A stray cuInit breaks CUDA in every later fork.
#pragma once

#include <cstdint>
#include <string>

namespace inference_bench::cuda {

using Result = int;
using Device = int;
using Context = struct ContextHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;

constexpr Result kSuccess = 0;
constexpr Result kNotInitialized = 3;
constexpr Result kNoDevice = 100;
constexpr Result kNotReady = 600;
constexpr Result kStreamCaptureUnsupported = 900;
constexpr Result kUnknown = 999;

constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventDefault = 0;  // timed; waiting for it spins
constexpr int kCaptureStatusNone = 0;

enum class CaptureMode : int { Global = 0, ThreadLocal = 1, Relaxed = 2 };

struct Driver {
    std::string library;
    int version = 0;  // 1000 * major + 10 * minor

    Result (*init)(unsigned flags) = nullptr;
    Result (*driver_get_version)(int* version) = nullptr;
    Result (*device_get_count)(int* count) = nullptr;
    Result (*device_get)(Device* device, int ordinal) = nullptr;
    Result (*device_get_name)(char* name, int length, Device device) = nullptr;
    Result (*device_get_pci_bus_id)(char* id, int length, Device device) = nullptr;
    Result (*primary_ctx_retain)(Context* context, Device device) = nullptr;
    Result (*primary_ctx_release)(Device device) = nullptr;
    Result (*ctx_get_current)(Context* context) = nullptr;
    Result (*ctx_push_current)(Context context) = nullptr;
    Result (*ctx_pop_current)(Context* context) = nullptr;
    Result (*ctx_get_device)(Device* device) = nullptr;
    Result (*stream_create)(Stream* stream, unsigned flags) = nullptr;
    Result (*stream_destroy)(Stream stream) = nullptr;
    Result (*event_create)(Event* event, unsigned flags) = nullptr;
    Result (*event_destroy)(Event event) = nullptr;
    Result (*event_record)(Event event, Stream stream) = nullptr;
    Result (*event_query)(Event event) = nullptr;
    Result (*event_synchronize)(Event event) = nullptr;
    // cuEventElapsedTime_v2 (CUDA 12.8) where there is one: the first version may report errors of earlier work.
    Result (*event_elapsed_time)(float* milliseconds, Event begin, Event end) = nullptr;

    // Null where the driver is too old for it.
    Result (*get_error_name)(Result error, const char** name) = nullptr;         // CUDA 6
    Result (*stream_is_capturing)(Stream stream, int* status) = nullptr;         // CUDA 10
    Result (*thread_exchange_stream_capture_mode)(CaptureMode* mode) = nullptr;  // CUDA 10.1

    // "CUDA_ERROR_ILLEGAL_ADDRESS (700)".
    [[nodiscard]] std::string name_of(Result error) const;
    // Throws std::runtime_error("cuEventCreate: CUDA_ERROR_...") unless the result is success.
    void check(Result result, const char* function) const;
};

struct Availability {
    const Driver* driver;  // null: not available; otherwise for the rest of the process
    std::string reason;    // why not; or which library and version it is
};

// The library that INFERENCE_BENCH_LIBCUDA names, or the system's. Thread-safe; initialises nothing.
[[nodiscard]] Availability load_driver();

// In a child of a process that has used CUDA through us: why it cannot. Empty anywhere else.
[[nodiscard]] std::string forked_after_use();

// A thread that may not touch streams that other threads capture into graphs, or that may, for as long as this lives.
// Without it, a query from here would end a capture that any other thread has under way. No-op on old drivers.
class CaptureModeScope {
  public:
    CaptureModeScope(const Driver& driver, CaptureMode mode) noexcept;
    ~CaptureModeScope();
    CaptureModeScope(const CaptureModeScope&) = delete;
    CaptureModeScope& operator=(const CaptureModeScope&) = delete;

  private:
    const Driver& driver_;
    CaptureMode other_;
    bool exchanged_;
};

// The reader's thread depends on it; one that reports success and does nothing would end captures silently.
[[nodiscard]] bool capture_mode_can_be_exchanged(const Driver& driver) noexcept;

}  // namespace inference_bench::cuda

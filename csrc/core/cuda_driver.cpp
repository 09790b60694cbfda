#include "cuda_driver.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "cuda_context.hpp"
#include "fork_generation.hpp"
#include "shared_library.hpp"

namespace inference_bench::cuda {
namespace {

using GetProcAddress = Result (*)(const char* symbol, void** function, int version, std::uint64_t flags);
using GetProcAddressV2 = Result (*)(const char* symbol, void** function, int version, std::uint64_t flags, int* found);

// Stream 0 is then the stream that all threads share, as it is for a framework compiled without
// --default-stream per-thread; torch is.
constexpr std::uint64_t kLegacyStream = 1;

class Symbols {
  public:
    explicit Symbols(const SharedLibrary& library)
        : library_(library),
          v2_(exported<GetProcAddressV2>(library, "cuGetProcAddress_v2")),
          v1_(exported<GetProcAddress>(library, "cuGetProcAddress")) {}

    // `version` is the one whose signature we wrote down: asking for a later one could return another signature, and
    // asking for one above the driver's own is an error. `name` is what dlsym knows that version by.
    template <typename Function>
    bool find(Function*& out, const char* base, int version, const char* name) {
        void* found = nullptr;
        int status = 0;
        Result result = kUnknown;
        if (v2_ != nullptr) {
            result = v2_(base, &found, version, kLegacyStream, &status);
        } else if (v1_ != nullptr) {
            result = v1_(base, &found, version, kLegacyStream);
        }
        if (result != kSuccess || found == nullptr) found = detail::find_symbol(library_.handle, name);
        out = reinterpret_cast<Function*>(found);
        return out != nullptr;
    }

    template <typename Function>
    void require(Function*& out, const char* base, int version, const char* name) {
        if (!find(out, base, version, name) && missing_.empty()) missing_ = name;
    }

    [[nodiscard]] const std::string& missing() const noexcept { return missing_; }

  private:
    const SharedLibrary& library_;
    GetProcAddressV2 v2_;
    GetProcAddress v1_;
    std::string missing_;
};

// The first required function that is missing, or "".
std::string resolve(Driver& d, const SharedLibrary& library) {
    Symbols s(library);
    s.require(d.init, "cuInit", 2000, "cuInit");
    s.require(d.driver_get_version, "cuDriverGetVersion", 2020, "cuDriverGetVersion");
    s.require(d.device_get_count, "cuDeviceGetCount", 2000, "cuDeviceGetCount");
    s.require(d.device_get, "cuDeviceGet", 2000, "cuDeviceGet");
    s.require(d.device_get_name, "cuDeviceGetName", 2000, "cuDeviceGetName");
    s.require(d.device_get_pci_bus_id, "cuDeviceGetPCIBusId", 4010, "cuDeviceGetPCIBusId");
    s.require(d.primary_ctx_retain, "cuDevicePrimaryCtxRetain", 7000, "cuDevicePrimaryCtxRetain");
    s.require(d.primary_ctx_release, "cuDevicePrimaryCtxRelease", 11000, "cuDevicePrimaryCtxRelease_v2");
    s.require(d.ctx_get_current, "cuCtxGetCurrent", 4000, "cuCtxGetCurrent");
    s.require(d.ctx_push_current, "cuCtxPushCurrent", 4000, "cuCtxPushCurrent_v2");
    s.require(d.ctx_pop_current, "cuCtxPopCurrent", 4000, "cuCtxPopCurrent_v2");
    s.require(d.ctx_get_device, "cuCtxGetDevice", 2000, "cuCtxGetDevice");
    s.require(d.stream_create, "cuStreamCreate", 2000, "cuStreamCreate");
    s.require(d.stream_destroy, "cuStreamDestroy", 4000, "cuStreamDestroy_v2");
    s.require(d.event_create, "cuEventCreate", 2000, "cuEventCreate");
    s.require(d.event_destroy, "cuEventDestroy", 4000, "cuEventDestroy_v2");
    s.require(d.event_record, "cuEventRecord", 2000, "cuEventRecord");
    s.require(d.event_query, "cuEventQuery", 2000, "cuEventQuery");
    s.require(d.event_synchronize, "cuEventSynchronize", 2000, "cuEventSynchronize");
    if (!s.find(d.event_elapsed_time, "cuEventElapsedTime", 12080, "cuEventElapsedTime_v2")) {
        s.require(d.event_elapsed_time, "cuEventElapsedTime", 2000, "cuEventElapsedTime");
    }
    s.find(d.get_error_name, "cuGetErrorName", 6000, "cuGetErrorName");
    s.find(d.stream_is_capturing, "cuStreamIsCapturing", 10000, "cuStreamIsCapturing");
    s.find(d.thread_exchange_stream_capture_mode, "cuThreadExchangeStreamCaptureMode", 10010,
           "cuThreadExchangeStreamCaptureMode");
    return s.missing();
}

std::string describe(const Driver& d) {
    return d.library + ", CUDA " + std::to_string(d.version / 1000) + "." + std::to_string(d.version % 1000 / 10);
}

}  // namespace

std::string Driver::name_of(Result error) const {
    const char* name = nullptr;
    if (get_error_name == nullptr || get_error_name(error, &name) != kSuccess || name == nullptr) name = "CUDA error";
    return std::string(name) + " (" + std::to_string(error) + ")";
}

void Driver::check(Result result, const char* function) const {
    if (result != kSuccess) throw std::runtime_error(std::string(function) + ": " + name_of(result));
}

Availability load_driver() {
    if (std::string reason = forked_after_use(); !reason.empty()) return {nullptr, std::move(reason)};
    const SharedLibrary library =
        open_library("INFERENCE_BENCH_LIBCUDA", {"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"});
    if (library.handle == nullptr) return {nullptr, "no CUDA driver: " + library.reason};

    // By handle: the tests' doubles and the real driver live side by side in one process. Never destroyed, for timers
    // may outlive static destruction.
    static std::mutex mutex;
    static auto& drivers = *new std::map<void*, std::unique_ptr<Driver>>;
    const std::lock_guard<std::mutex> lock(mutex);
    std::unique_ptr<Driver>& known = drivers[library.handle];
    if (known == nullptr) {
        auto fresh = std::make_unique<Driver>();
        fresh->library = library.name;
        if (const std::string missing = resolve(*fresh, library); !missing.empty()) {
            return {nullptr, library.name + " has no " + missing + ": a CUDA driver of 11.0 or later is needed"};
        }
        // Allowed before cuInit.
        if (const Result result = fresh->driver_get_version(&fresh->version); result != kSuccess) {
            return {nullptr, library.name + ": cuDriverGetVersion: " + fresh->name_of(result)};
        }
        known = std::move(fresh);
    }
    return {known.get(), describe(*known)};
}

std::string forked_after_use() {
    if (!used_before_fork()) return "";
    return "this process was forked from one that had used CUDA, which does not survive a fork: start it with "
           "multiprocessing's 'spawn' method";
}

CaptureModeScope::CaptureModeScope(const Driver& driver, CaptureMode mode) noexcept
    : driver_(driver),
      other_(mode),
      exchanged_(driver.thread_exchange_stream_capture_mode != nullptr &&
                 driver.thread_exchange_stream_capture_mode(&other_) == kSuccess) {}

CaptureModeScope::~CaptureModeScope() {
    if (exchanged_) driver_.thread_exchange_stream_capture_mode(&other_);
}

bool capture_mode_can_be_exchanged(const Driver& driver) noexcept {
    if (driver.thread_exchange_stream_capture_mode == nullptr) return false;
    CaptureMode mode = CaptureMode::ThreadLocal;
    if (driver.thread_exchange_stream_capture_mode(&mode) != kSuccess) return false;
    return driver.thread_exchange_stream_capture_mode(&mode) == kSuccess && mode == CaptureMode::ThreadLocal;
}

}  // namespace inference_bench::cuda

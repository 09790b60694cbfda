// A double of libcuda.so.1, at the boundary of the driver: the real ABI, no GPU. It is for tests alone; no figure that
// it yields says anything about a device.
//
// It keeps what the driver's documentation promises and our code relies on: events complete in stream order, elapsed
// times are float32 milliseconds, unfinished events are NOT_READY, errors are sticky until the process ends, a context
// must be current, calls before cuInit or in a forked child fail, and a query made while another thread captures a
// graph ends that capture unless the thread has left the global capture mode.
//
// The device's clock stands still unless double_advance() moves it, double_run_clock() lets it follow the host's, or
// something waits for the device. The double_*() functions, called through ctypes, control and inspect.
//
// -DDOUBLE_VERSION=11020 makes a driver without cuGetProcAddress, 11030 one with its first version only, and from 12080
// on there is cuEventElapsedTime_v2. -DDOUBLE_NO_CAPTURE_MODE leaves out cuThreadExchangeStreamCaptureMode and
// -DDOUBLE_NO_EVENT_QUERY a function that nothing works without.
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#ifndef DOUBLE_VERSION
#define DOUBLE_VERSION 13000
#endif
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kSuccess = 0, kInvalidValue = 1, kNotInitialized = 3, kInvalidDevice = 101, kInvalidContext = 201,
              kInvalidHandle = 400, kNotFound = 500, kNotReady = 600, kCaptureUnsupported = 900, kCapturedEvent = 907;
constexpr int kGlobal = 0, kRelaxed = 2;

struct Stream;
struct Event {
    bool recorded = false;
    bool captured = false;
    std::int64_t at_ns = 0;
};
struct Stream {
    std::int64_t busy_until_ns = 0;
    bool capturing = false;
};

std::recursive_mutex mutex;
bool initialised = false;
pid_t initialised_in = 0;
std::int64_t clock_ns = 1'000'000;
bool running = false;
std::int64_t run_from_host_ns = 0;
double run_rate = 1;
std::int64_t wait_cost_ns = 0;  // by how much waiting for an event moves the clock beyond it
int sticky = kSuccess;
struct Failure {
    int skip, times, error;
};
std::map<std::string, Failure> failures;
std::map<std::string, std::int64_t> calls;
std::atomic<std::int64_t> all_calls{0};
std::set<Event*> events;
std::map<std::uintptr_t, Stream> streams;  // by handle; made when first seen, for the tests invent handles
std::uintptr_t next_stream = 0x5000;
std::vector<const Event*> queried;
int captures_ended = 0;
int devices = 1;
int primary_retained = 0;
int context_of_device[8];
thread_local std::vector<void*> current;
thread_local int capture_mode = kGlobal;
thread_local bool my_capture = false;

std::int64_t host_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

std::int64_t now_ns() {
    if (!running) return clock_ns;
    return clock_ns + static_cast<std::int64_t>(static_cast<double>(host_ns() - run_from_host_ns) * run_rate);
}

void move_to(std::int64_t ns) {
    if (!running) clock_ns = std::max(clock_ns, ns);
}

// What every call is subject to; kSuccess when it may go on.
int enter(const char* function) {
    ++all_calls;
    ++calls[function];
    if (const auto found = failures.find(function); found != failures.end()) {
        Failure& failure = found->second;
        if (failure.skip > 0) {
            --failure.skip;
        } else if (failure.times > 0) {
            return --failure.times, failure.error;
        }
    }
    if (std::strcmp(function, "cuInit") == 0) return kSuccess;
    if (!initialised || initialised_in != getpid()) return kNotInitialized;
    return sticky;
}

bool any_capture() {
    return std::any_of(streams.begin(), streams.end(), [](const auto& entry) { return entry.second.capturing; });
}

// "Potentially unsafe" calls, as cuThreadExchangeStreamCaptureMode's documentation calls them.
int unsafe_call() {
    if (!any_capture() || capture_mode == kRelaxed) return kSuccess;
    if (capture_mode != kGlobal && !my_capture) return kSuccess;
    for (auto& entry : streams) {
        if (entry.second.capturing) entry.second.capturing = false, ++captures_ended;
    }
    return kCaptureUnsupported;
}

#define ENTER()                                              \
    const std::lock_guard<std::recursive_mutex> lock(mutex); \
    if (const int entered = enter(__func__); entered != kSuccess) return entered

Stream& stream_of(void* handle) { return streams[reinterpret_cast<std::uintptr_t>(handle)]; }
bool alive(void* event) { return events.count(static_cast<Event*>(event)) != 0; }

}  // namespace

// ---- the driver

EXPORT int cuInit(unsigned flags) {
    ENTER();
    if (flags != 0) return kInvalidValue;
    if (initialised && initialised_in != getpid()) return kNotInitialized;
    initialised = true;
    initialised_in = getpid();
    return kSuccess;
}

EXPORT int cuDriverGetVersion(int* version) {
    const std::lock_guard<std::recursive_mutex> lock(mutex);
    ++calls[__func__];
    *version = DOUBLE_VERSION;
    return kSuccess;
}

EXPORT int cuGetErrorName(int error, const char** name) {
    static const std::map<int, const char*> names{
        {1, "CUDA_ERROR_INVALID_VALUE"},    {2, "CUDA_ERROR_OUT_OF_MEMORY"},     {3, "CUDA_ERROR_NOT_INITIALIZED"},
        {100, "CUDA_ERROR_NO_DEVICE"},      {201, "CUDA_ERROR_INVALID_CONTEXT"}, {400, "CUDA_ERROR_INVALID_HANDLE"},
        {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
    const auto found = names.find(error);
    if (found == names.end()) return kInvalidValue;
    *name = found->second;
    return kSuccess;
}

EXPORT int cuDeviceGetCount(int* count) {
    ENTER();
    *count = devices;
    return kSuccess;
}

EXPORT int cuDeviceGet(int* device, int ordinal) {
    ENTER();
    if (ordinal < 0 || ordinal >= devices) return kInvalidDevice;
    *device = ordinal;
    return kSuccess;
}

EXPORT int cuDeviceGetName(char* name, int length, int device) {
    ENTER();
    std::snprintf(name, static_cast<std::size_t>(length), "Double %d", device);
    return kSuccess;
}

EXPORT int cuDeviceGetPCIBusId(char* id, int length, int device) {
    ENTER();
    std::snprintf(id, static_cast<std::size_t>(length), "0000:%02x:00.0", device + 1);
    return kSuccess;
}

EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
    ENTER();
    ++primary_retained;
    *context = &context_of_device[device];
    return kSuccess;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
    ENTER();
    --primary_retained;
    return kSuccess;
}

EXPORT int cuCtxGetCurrent(void** context) {
    ENTER();
    *context = current.empty() ? nullptr : current.back();
    return kSuccess;
}

EXPORT int cuCtxPushCurrent_v2(void* context) {
    ENTER();
    current.push_back(context);
    return kSuccess;
}

EXPORT int cuCtxPopCurrent_v2(void** context) {
    ENTER();
    if (current.empty()) return kInvalidContext;
    *context = current.back();
    current.pop_back();
    return kSuccess;
}

EXPORT int cuCtxGetDevice(int* device) {
    ENTER();
    if (current.empty()) return kInvalidContext;
    *device = static_cast<int>(static_cast<int*>(current.back()) - context_of_device);
    return kSuccess;
}

EXPORT int cuStreamCreate(void** stream, unsigned) {
    ENTER();
    if (current.empty()) return kInvalidContext;
    *stream = reinterpret_cast<void*>(next_stream += 0x10);
    return kSuccess;
}

EXPORT int cuStreamDestroy_v2(void*) {
    ENTER();
    return kSuccess;
}

EXPORT int cuStreamIsCapturing(void* stream, int* status) {
    ENTER();
    *status = stream_of(stream).capturing ? 1 : 0;
    return kSuccess;
}

EXPORT int cuEventCreate(void** event, unsigned) {
    ENTER();
    if (current.empty()) return kInvalidContext;
    auto* const made = new Event;
    events.insert(made);
    *event = made;
    return kSuccess;
}

EXPORT int cuEventDestroy_v2(void* event) {
    ENTER();
    if (!alive(event)) return kInvalidHandle;
    events.erase(static_cast<Event*>(event));
    delete static_cast<Event*>(event);
    return kSuccess;
}

EXPORT int cuEventRecord(void* event, void* stream) {
    ENTER();
    if (!alive(event)) return kInvalidHandle;
    Stream& on = stream_of(stream);
    auto* const recorded = static_cast<Event*>(event);
    recorded->recorded = true;
    recorded->captured = on.capturing;
    recorded->at_ns = on.busy_until_ns = std::max(on.busy_until_ns, now_ns());
    return kSuccess;
}

#ifndef DOUBLE_NO_EVENT_QUERY
EXPORT int cuEventQuery(void* event) {
    ENTER();
    if (const int ended = unsafe_call(); ended != kSuccess) return ended;
    if (!alive(event)) return kInvalidHandle;
    auto* const asked = static_cast<Event*>(event);
    queried.push_back(asked);
    if (asked->captured) return kCapturedEvent;
    return asked->at_ns <= now_ns() ? kSuccess : kNotReady;
}
#endif

EXPORT int cuEventSynchronize(void* event) {
    ENTER();
    if (const int ended = unsafe_call(); ended != kSuccess) return ended;
    if (!alive(event)) return kInvalidHandle;
    auto* const awaited = static_cast<Event*>(event);
    if (awaited->captured) return kCapturedEvent;
    while (running && awaited->at_ns > now_ns()) usleep(50);
    move_to(awaited->at_ns + wait_cost_ns);
    return kSuccess;
}

static int elapsed(float* milliseconds, void* begin, void* end) {
    if (!alive(begin) || !alive(end)) return kInvalidHandle;
    const auto* const from = static_cast<const Event*>(begin);
    const auto* const to = static_cast<const Event*>(end);
    if (!from->recorded || !to->recorded) return kInvalidHandle;
    if (from->at_ns > now_ns() || to->at_ns > now_ns()) return kNotReady;
    *milliseconds = static_cast<float>(static_cast<double>(to->at_ns - from->at_ns) / 1e6);
    return kSuccess;
}

EXPORT int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
    ENTER();
    return elapsed(milliseconds, begin, end);
}

#if DOUBLE_VERSION >= 12080
EXPORT int cuEventElapsedTime_v2(float* milliseconds, void* begin, void* end) {
    ENTER();
    return elapsed(milliseconds, begin, end);
}
#endif

#ifndef DOUBLE_NO_CAPTURE_MODE
EXPORT int cuThreadExchangeStreamCaptureMode(int* mode) {
    ENTER();
    std::swap(*mode, capture_mode);
    return kSuccess;
}
#endif

// ---- looking functions up

static int look_up(const char* symbol, void** function, int version) {
    if (version > DOUBLE_VERSION) return kInvalidValue;
    static const std::map<std::string, std::string> renamed{
        {"cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2"},
        {"cuCtxPushCurrent", "cuCtxPushCurrent_v2"},
        {"cuCtxPopCurrent", "cuCtxPopCurrent_v2"},
        {"cuStreamDestroy", "cuStreamDestroy_v2"},
        {"cuEventDestroy", "cuEventDestroy_v2"}};
    std::string name = symbol;
    if (const auto found = renamed.find(name); found != renamed.end()) name = found->second;
    if (name == "cuEventElapsedTime" && version >= 12080) name += "_v2";
    Dl_info self{};
    dladdr(reinterpret_cast<void*>(&cuInit), &self);
    void* const library = dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *function = dlsym(library, name.c_str());
    dlclose(library);
    return *function == nullptr ? kNotFound : kSuccess;
}

#if DOUBLE_VERSION >= 11030
EXPORT int cuGetProcAddress(const char* symbol, void** function, int version, std::uint64_t flags) {
    const std::lock_guard<std::recursive_mutex> lock(mutex);
    ++calls[__func__];
    return flags == 1 ? look_up(symbol, function, version) : kInvalidValue;
}
#endif

#if DOUBLE_VERSION >= 12000
EXPORT int cuGetProcAddress_v2(const char* symbol, void** function, int version, std::uint64_t flags, int* status) {
    const std::lock_guard<std::recursive_mutex> lock(mutex);
    ++calls[__func__];
    const int result = flags == 1 ? look_up(symbol, function, version) : kInvalidValue;
    if (status != nullptr) *status = result == kSuccess ? 0 : 1;
    return result;
}
#endif

// ---- control

#define CONTROL const std::lock_guard<std::recursive_mutex> lock(mutex)

// Everything as at first, but for events that are alive and, in the process that did it, cuInit.
EXPORT void double_reset() {
    CONTROL;
    running = false;
    clock_ns = 1'000'000;
    wait_cost_ns = 0;
    sticky = kSuccess;
    failures.clear();
    calls.clear();
    queried.clear();
    streams.clear();
    captures_ended = 0;
    devices = 1;
}

EXPORT void double_advance(std::int64_t ns) {
    CONTROL;
    clock_ns += ns;
}

// From now on the device's clock follows the host's, `rate` times as fast.
EXPORT void double_run_clock(double rate) {
    CONTROL;
    clock_ns = now_ns();
    running = true;
    run_rate = rate;
    run_from_host_ns = host_ns();
}

// Work of that length at the end of a stream.
EXPORT void double_launch(std::uintptr_t stream, std::int64_t ns) {
    CONTROL;
    Stream& on = streams[stream];
    on.busy_until_ns = std::max(on.busy_until_ns, now_ns()) + ns;
}

// The next `times` calls of that function return `error` and do nothing.
EXPORT void double_fail(const char* function, int error, int times) {
    CONTROL;
    failures[function] = {0, times, error};
}

// One call of it does, after `skip` that work.
EXPORT void double_fail_after(const char* function, int skip, int error) {
    CONTROL;
    failures[function] = {skip, 1, error};
}

EXPORT void double_stick(int error) {
    CONTROL;
    sticky = error;
}

EXPORT void double_set_devices(int count) {
    CONTROL;
    devices = count;
}

EXPORT void double_capture(std::uintptr_t stream, int on) {
    CONTROL;
    streams[stream].capturing = on != 0;
    my_capture = on != 0;
}

EXPORT int double_captures_ended() {
    CONTROL;
    return captures_ended;
}

EXPORT std::int64_t double_calls(const char* function) {
    CONTROL;
    return calls[function];
}

// Without the lock: a forked child asks, and whoever held the lock is not in it.
EXPORT std::int64_t double_all_calls() { return all_calls.load(); }

// How many different events were ever asked for.
EXPORT std::int64_t double_events_queried() {
    CONTROL;
    return static_cast<std::int64_t>(std::set<const Event*>(queried.begin(), queried.end()).size());
}

EXPORT std::int64_t double_events_alive() {
    CONTROL;
    return static_cast<std::int64_t>(events.size());
}

EXPORT int double_primary_retained() {
    CONTROL;
    return primary_retained;
}

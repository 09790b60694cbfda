// A double of libnvidia-ml.so.1, at the boundary of the driver: the real ABI, no GPU. It is for tests alone; no figure
// that it yields says anything about a device.
//
// It has two GPUs. The double_*() functions, called through ctypes, set what they answer and count what they were
// asked. -DDOUBLE_OLD makes a driver of before R510: no MemoryInfo_v2, clocks "throttle" reasons for "event" reasons.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kSuccess = 0, kUninitialized = 1, kInvalidArgument = 2, kNotSupported = 3, kNotFound = 6,
              kInsufficientSize = 7;
constexpr int kGpus = 2;

struct Gpu {
    int index;
    std::int64_t used = 3'000'000'000;
    std::int64_t sm_mhz = 1755, memory_mhz = 2619, reasons = 4, celsius = 41, milliwatts = 120'500, millijoules = 9'000;
};
struct ProcessInfo {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
};
struct MemoryV1 {
    unsigned long long total, free, used;
};
struct MemoryV2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};
struct PciInfo {  // nvmlPciInfo_t
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};

constexpr unsigned long long kTotal = 80'000'000'000, kReserved = 500'000'000;

std::mutex mutex;
int initialised = 0;
Gpu gpus[kGpus] = {{0}, {1}};
std::map<std::string, std::int64_t> calls;
std::map<std::string, int> failures;
unsigned delay_us = 0;
std::vector<ProcessInfo> processes;

int enter(const char* function) {
    ++calls[function];
    if (delay_us != 0) usleep(delay_us);
    if (const auto found = failures.find(function); found != failures.end() && found->second != 0) {
        return found->second;
    }
    return initialised > 0 ? kSuccess : kUninitialized;
}

#define ENTER()                                    \
    const std::lock_guard<std::mutex> lock(mutex); \
    if (const int entered = enter(__func__); entered != kSuccess) return entered

Gpu& gpu(void* handle) { return *static_cast<Gpu*>(handle); }
std::string uuid(int index) { return "GPU-00000000-0000-0000-0000-00000000000" + std::to_string(index); }
std::string bus_id(int index) { return "00000000:0" + std::to_string(index + 1) + ":00.0"; }

int copy(char* out, unsigned length, const std::string& text) {
    std::snprintf(out, length, "%s", text.c_str());
    return kSuccess;
}

}  // namespace

EXPORT int nvmlInit_v2() {
    const std::lock_guard<std::mutex> lock(mutex);
    ++calls[__func__];
    if (const int error = failures[__func__]; error != 0) return error;
    ++initialised;
    return kSuccess;
}
EXPORT int nvmlInitWithFlags(unsigned) { return nvmlInit_v2(); }

EXPORT int nvmlShutdown() {
    ENTER();
    --initialised;
    return kSuccess;
}

EXPORT const char* nvmlErrorString(int error) {
    switch (error) {
        case kUninitialized:
            return "Uninitialized";
        case kNotFound:
            return "Not Found";
        case 9:
            return "Driver Not Loaded";
        case 15:
            return "GPU is lost";
        default:
            return "Unknown Error";
    }
}

EXPORT int nvmlDeviceGetCount_v2(unsigned* count) {
    ENTER();
    *count = kGpus;
    return kSuccess;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
    ENTER();
    if (index >= kGpus) return kInvalidArgument;
    *device = &gpus[index];
    return kSuccess;
}

EXPORT int nvmlDeviceGetHandleByUUID(const char* given, void** device) {
    ENTER();
    for (Gpu& one : gpus) {
        if (uuid(one.index) == given) return *device = &one, kSuccess;
    }
    return kNotFound;
}

EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char* given, void** device) {
    ENTER();
    for (Gpu& one : gpus) {  // the domain has 4 digits as CUDA writes it, 8 as NVML does
        const std::string id = bus_id(one.index);
        if (id == given || id.substr(4) == given) return *device = &one, kSuccess;
    }
    return kNotFound;
}

EXPORT int nvmlDeviceGetMemoryInfo(void* device, MemoryV1* memory) {
    ENTER();
    const auto used = static_cast<unsigned long long>(gpu(device).used);
    *memory = {kTotal, kTotal - used - kReserved, used + kReserved};
    return kSuccess;
}

#ifndef DOUBLE_OLD
EXPORT int nvmlDeviceGetMemoryInfo_v2(void* device, MemoryV2* memory) {
    ENTER();
    if (memory->version != 0x02000028) return kInvalidArgument;
    const auto used = static_cast<unsigned long long>(gpu(device).used);
    *memory = {memory->version, kTotal, kReserved, kTotal - used - kReserved, used};
    return kSuccess;
}
#endif

EXPORT int nvmlDeviceGetClockInfo(void* device, int type, unsigned* mhz) {
    ENTER();
    if (type != 1 && type != 2) return kInvalidArgument;
    *mhz = static_cast<unsigned>(type == 1 ? gpu(device).sm_mhz : gpu(device).memory_mhz);
    return kSuccess;
}

EXPORT int nvmlDeviceGetMaxClockInfo(void*, int type, unsigned* mhz) {
    ENTER();
    *mhz = type == 1 ? 1980 : 2619;
    return kSuccess;
}

#ifdef DOUBLE_OLD
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* reasons) {
#else
EXPORT int nvmlDeviceGetCurrentClocksEventReasons(void* device, unsigned long long* reasons) {
#endif
    ENTER();
    *reasons = static_cast<unsigned long long>(gpu(device).reasons);
    return kSuccess;
}

EXPORT int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
    ENTER();
    if (sensor != 0) return kInvalidArgument;
    *celsius = static_cast<unsigned>(gpu(device).celsius);
    return kSuccess;
}

EXPORT int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
    ENTER();
    *milliwatts = static_cast<unsigned>(gpu(device).milliwatts);
    return kSuccess;
}

EXPORT int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
    ENTER();
    *millijoules = static_cast<unsigned long long>(gpu(device).millijoules += 25);
    return kSuccess;
}

EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, ProcessInfo* infos) {
    ENTER();
    const auto there = static_cast<unsigned>(processes.size());
    const unsigned room = *count;
    *count = there;
    if (room < there) return kInsufficientSize;
    std::copy(processes.begin(), processes.end(), infos);
    return kSuccess;
}

// ---- asked once, through pynvml

EXPORT int nvmlSystemGetDriverVersion(char* version, unsigned length) {
    ENTER();
    return copy(version, length, "580.65.06");
}
EXPORT int nvmlSystemGetCudaDriverVersion_v2(int* version) {
    ENTER();
    *version = 13000;
    return kSuccess;
}
EXPORT int nvmlDeviceGetName(void* device, char* name, unsigned length) {
    ENTER();
    return copy(name, length, "Double " + std::to_string(gpu(device).index));
}
EXPORT int nvmlDeviceGetUUID(void* device, char* out, unsigned length) {
    ENTER();
    return copy(out, length, uuid(gpu(device).index));
}
EXPORT int nvmlDeviceGetPciInfo_v3(void* device, PciInfo* pci) {
    ENTER();
    *pci = {};
    return copy(pci->bus_id, sizeof pci->bus_id, bus_id(gpu(device).index));
}
EXPORT int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* milliwatts) {
    ENTER();
    *milliwatts = 700'000;
    return kSuccess;
}
EXPORT int nvmlDeviceGetPowerManagementDefaultLimit(void*, unsigned* milliwatts) {
    ENTER();
    *milliwatts = 700'000;
    return kSuccess;
}
EXPORT int nvmlDeviceGetPersistenceMode(void*, int* mode) {
    ENTER();
    *mode = 1;
    return kSuccess;
}
EXPORT int nvmlDeviceGetMigMode(void*, unsigned* present, unsigned* pending) {
    ENTER();
    *present = *pending = 0;
    return kSuccess;
}
EXPORT int nvmlDeviceGetComputeMode(void*, int* mode) {
    ENTER();
    *mode = 0;
    return kSuccess;
}
EXPORT int nvmlDeviceGetCudaComputeCapability(void*, int* major, int* minor) {
    ENTER();
    *major = 9, *minor = 0;
    return kSuccess;
}

// ---- control

#define CONTROL const std::lock_guard<std::mutex> lock(mutex)

EXPORT void double_reset() {
    CONTROL;
    for (int i = 0; i < kGpus; ++i) gpus[i] = {i};
    calls.clear();
    failures.clear();
    processes.clear();
    delay_us = 0;
}

EXPORT void double_set_memory(int index, std::int64_t bytes) {
    CONTROL;
    gpus[index].used = bytes;
}

// Every later call of that function returns `error`; 0 to let it work again.
EXPORT void double_fail(const char* function, int error) {
    CONTROL;
    failures[function] = error;
}

// Every call takes that much longer.
EXPORT void double_delay(unsigned us) {
    CONTROL;
    delay_us = us;
}

EXPORT void double_add_process(unsigned pid, unsigned long long bytes) {
    CONTROL;
    processes.push_back({pid, bytes, 0xFFFFFFFF, 0xFFFFFFFF});
}

EXPORT std::int64_t double_calls(const char* function) {
    CONTROL;
    return calls[function];
}

EXPORT int double_initialised() {
    CONTROL;
    return initialised;
}

#include "nvml.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>

#include "fork_generation.hpp"
#include "shared_library.hpp"

namespace inference_bench::nvml {
namespace {

constexpr Result kSuccess = 0;
constexpr Result kInvalidArgument = 2;
constexpr Result kInsufficientSize = 7;
constexpr Result kFunctionNotFound = 13;

constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;
constexpr int kSensorGpu = 0;
constexpr std::uint64_t kNotAvailable = UINT64_MAX;
constexpr unsigned kRoomForNewcomers = 16;  // processes that start between asking how many and asking which

// nvmlMemory_t, nvmlMemory_v2_t, nvmlProcessInfo_t.
struct MemoryV1 {
    std::uint64_t total, free, used;
};
struct MemoryV2 {
    std::uint32_t version;
    std::uint64_t total, reserved, free, used;
};
struct ProcessInfo {
    std::uint32_t pid;
    std::uint64_t memory_used;
    std::uint32_t gpu_instance, compute_instance;
};
static_assert(sizeof(MemoryV1) == 24 && sizeof(MemoryV2) == 40 && sizeof(ProcessInfo) == 24, "NVML's own layouts");
constexpr std::uint32_t kMemoryV2 = sizeof(MemoryV2) | 2U << 24;

}  // namespace

struct Library {
    std::string name;

    Result (*init)();
    Result (*shutdown)();
    Result (*by_index)(unsigned index, Device* device);
    Result (*by_uuid)(const char* uuid, Device* device);
    Result (*by_pci_bus_id)(const char* id, Device* device);

    // Null where the driver is too old for it.
    const char* (*error_string)(Result result);
    Result (*memory_v1)(Device device, MemoryV1* memory);
    Result (*memory_v2)(Device device, MemoryV2* memory);  // R510
    Result (*clock)(Device device, int type, unsigned* mhz);
    Result (*throttle)(Device device, std::uint64_t* reasons);
    Result (*temperature)(Device device, int sensor, unsigned* celsius);
    Result (*power)(Device device, unsigned* milliwatts);
    Result (*energy)(Device device, unsigned long long* millijoules);  // Volta
    Result (*processes)(Device device, unsigned* count, ProcessInfo* infos);

    [[nodiscard]] std::string name_of(Result result) const {
        const char* const text = error_string != nullptr ? error_string(result) : nullptr;
        return std::string(text != nullptr ? text : "error") + " (" + std::to_string(result) + ")";
    }
};

namespace {

template <typename Function>
void find(Function& out, const SharedLibrary& library, std::initializer_list<const char*> newest_first) {
    out = nullptr;
    for (const char* const symbol : newest_first) {
        if (out == nullptr) out = exported<Function>(library, symbol);
    }
}

// The name of a function that is missing, or "".
std::string resolve(Library& l, const SharedLibrary& from) {
    find(l.init, from, {"nvmlInit_v2"});
    find(l.shutdown, from, {"nvmlShutdown"});
    find(l.by_index, from, {"nvmlDeviceGetHandleByIndex_v2"});
    find(l.by_uuid, from, {"nvmlDeviceGetHandleByUUID"});
    find(l.by_pci_bus_id, from, {"nvmlDeviceGetHandleByPciBusId_v2"});
    find(l.error_string, from, {"nvmlErrorString"});
    find(l.memory_v1, from, {"nvmlDeviceGetMemoryInfo"});
    find(l.memory_v2, from, {"nvmlDeviceGetMemoryInfo_v2"});
    find(l.clock, from, {"nvmlDeviceGetClockInfo"});
    find(l.throttle, from,
         {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});  // renamed in R535
    find(l.temperature, from, {"nvmlDeviceGetTemperature"});
    find(l.power, from, {"nvmlDeviceGetPowerUsage"});
    find(l.energy, from, {"nvmlDeviceGetTotalEnergyConsumption"});
    // The unversioned one has another layout.
    find(l.processes, from, {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
    if (l.init == nullptr) return "nvmlInit_v2";
    if (l.shutdown == nullptr) return "nvmlShutdown";
    if (l.by_index == nullptr) return "nvmlDeviceGetHandleByIndex_v2";
    if (l.by_uuid == nullptr) return "nvmlDeviceGetHandleByUUID";
    return l.by_pci_bus_id == nullptr ? "nvmlDeviceGetHandleByPciBusId_v2" : "";
}

constexpr std::uint32_t kNever = UINT32_MAX;
std::atomic<std::uint32_t> first_use{kNever};  // the fork generation of it

bool used_before_fork() noexcept {
    const std::uint32_t first = first_use.load(std::memory_order_relaxed);
    return first != kNever && first != fork_generation();
}

const Library& required() {
    const Availability found = load_library();
    if (found.library == nullptr) throw std::runtime_error("NVML cannot be used: " + found.reason);
    return *found.library;
}

bool is_index(const std::string& which) {
    return !which.empty() && which.size() < 10 && which.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Availability load_library() {
    if (used_before_fork()) {
        return {nullptr,
                "this process was forked from one that had used NVML, which does not survive a fork: start it "
                "with multiprocessing's 'spawn' method"};
    }
    const SharedLibrary opened =
        open_library("INFERENCE_BENCH_LIBNVML", {"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"});
    if (opened.handle == nullptr) return {nullptr, "no NVIDIA management library: " + opened.reason};

    // By handle, since tests load doubles beside the real one; never destroyed, since probes may outlive static
    // destruction.
    static std::mutex mutex;
    static auto& libraries = *new std::map<void*, std::unique_ptr<Library>>;
    const std::lock_guard<std::mutex> lock(mutex);
    std::unique_ptr<Library>& known = libraries[opened.handle];
    if (known == nullptr) {
        auto fresh = std::make_unique<Library>();
        fresh->name = opened.name;
        if (const std::string missing = resolve(*fresh, opened); !missing.empty()) {
            return {nullptr, opened.name + " has no " + missing};
        }
        known = std::move(fresh);
    }
    return {known.get(), opened.name};
}

const char* name_of(Field field) noexcept {
    static constexpr std::array<const char*, kFields> kNames{
        "memory_used_bytes", "sm_clock_mhz", "memory_clock_mhz", "throttle_reasons",
        "temperature_c",     "power_mw",     "energy_mj",
    };
    return kNames[field];
}

Gpu::Gpu(const std::string& which) : library_(required()), which_(which) {
    count_forks();
    generation_ = fork_generation();
    // Counted by the library: every init has its shutdown.
    if (const Result result = library_.init(); result != kSuccess) {
        throw std::runtime_error("nvmlInit: " + library_.name_of(result));
    }
    first_use.store(generation_, std::memory_order_relaxed);
    Result result = kInvalidArgument;
    if (is_index(which)) {
        result = library_.by_index(static_cast<unsigned>(std::stoul(which)), &device_);
    } else if (which.find(':') != std::string::npos) {
        result = library_.by_pci_bus_id(which.c_str(), &device_);
    } else {
        result = library_.by_uuid(which.c_str(), &device_);
    }
    if (result != kSuccess) {
        library_.shutdown();
        throw std::runtime_error("NVML has no GPU '" + which + "': " + library_.name_of(result) +
                                 "; give its index, UUID or PCI bus id");
    }
    for (std::size_t field = 0; field < kFields; ++field) {
        std::int64_t value = 0;
        supported_[field] = read(static_cast<Field>(field), value) == kSuccess;
    }
}

Gpu::~Gpu() {
    if (!foreign()) library_.shutdown();
}

bool Gpu::foreign() const noexcept { return generation_ != fork_generation(); }

const std::string& Gpu::library() const noexcept { return library_.name; }

Reading Gpu::read() const noexcept {
    Reading reading;
    for (std::size_t field = 0; field < kFields; ++field) {
        std::int64_t& value = reading[field];
        if (!supported_[field] || read(static_cast<Field>(field), value) != kSuccess) value = kAbsent;
    }
    return reading;
}

Result Gpu::read(Field field, std::int64_t& value) const noexcept {
    const Library& l = library_;
    unsigned small = 0;
    std::uint64_t large = 0;
    unsigned long long energy = 0;
    Result result = kFunctionNotFound;
    switch (field) {
        case kMemoryUsed: {
            MemoryV2 v2{};
            v2.version = kMemoryV2;
            if (l.memory_v2 != nullptr) result = l.memory_v2(device_, &v2);
            value = static_cast<std::int64_t>(v2.used);
            if (result == kSuccess || l.memory_v1 == nullptr) return result;
            MemoryV1 v1{};
            result = l.memory_v1(device_, &v1);
            value = static_cast<std::int64_t>(v1.used);
            return result;
        }
        case kSmClock:
        case kMemoryClock:
            if (l.clock != nullptr) result = l.clock(device_, field == kSmClock ? kClockSm : kClockMemory, &small);
            value = small;
            return result;
        case kThrottle:
            if (l.throttle != nullptr) result = l.throttle(device_, &large);
            value = static_cast<std::int64_t>(large);
            return result;
        case kTemperature:
            if (l.temperature != nullptr) result = l.temperature(device_, kSensorGpu, &small);
            value = small;
            return result;
        case kPower:
            if (l.power != nullptr) result = l.power(device_, &small);
            value = small;
            return result;
        case kEnergy:
            if (l.energy != nullptr) result = l.energy(device_, &energy);
            value = static_cast<std::int64_t>(energy);
            return result;
        case kFields:
            break;
    }
    return result;
}

bool Gpu::processes(std::vector<Process>& out) const {
    if (library_.processes == nullptr) return false;
    std::vector<ProcessInfo> infos;
    unsigned count = 0;
    Result result = library_.processes(device_, &count, nullptr);
    while (result == kInsufficientSize) {
        infos.resize(count + kRoomForNewcomers);
        count = static_cast<unsigned>(infos.size());
        result = library_.processes(device_, &count, infos.data());
    }
    if (result != kSuccess) return false;
    out.clear();
    for (std::size_t i = 0; i < std::min<std::size_t>(count, infos.size()); ++i) {
        const std::uint64_t memory = infos[i].memory_used;
        out.push_back({infos[i].pid, memory == kNotAvailable ? kAbsent : static_cast<std::int64_t>(memory)});
    }
    return true;
}

}  // namespace inference_bench::nvml

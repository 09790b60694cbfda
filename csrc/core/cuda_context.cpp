#include "cuda_context.hpp"

#include <array>
#include <atomic>
#include <stdexcept>

#include "fork_generation.hpp"

namespace inference_bench::cuda {
namespace {

constexpr std::uint32_t kNever = UINT32_MAX;
std::atomic<std::uint32_t> first_use{kNever};  // the fork generation of it

void init(const Driver& driver) {
    const Result result = driver.init(0);
    if (result == kNotInitialized) {
        throw std::runtime_error("cuInit: " + driver.name_of(result) +
                                 ": this is what a process gets that was forked from one using CUDA; start it with "
                                 "multiprocessing's 'spawn' method");
    }
    driver.check(result, "cuInit");
}

}  // namespace

bool used_before_fork() noexcept {
    const std::uint32_t first = first_use.load(std::memory_order_relaxed);
    return first != kNever && first != fork_generation();
}

CudaContext::CudaContext(const Driver& driver, int device) : driver_(driver) {
    count_forks();
    generation_ = fork_generation();
    const Result result = driver.ctx_get_current(&context_);
    if (result == kNotInitialized) {
        context_ = nullptr;
        init(driver);
    } else {
        driver.check(result, "cuCtxGetCurrent");
    }
    first_use.store(generation_, std::memory_order_relaxed);
    if (context_ != nullptr) {
        driver.check(driver.ctx_get_device(&device_), "cuCtxGetDevice");
        if (device == kAnyDevice) return;
    }
    int count = 0;
    driver.check(driver.device_get_count(&count), "cuDeviceGetCount");
    const int ordinal = device == kAnyDevice ? 0 : device;
    if (ordinal >= count) {
        throw std::runtime_error("device " + std::to_string(ordinal) + " does not exist: CUDA shows " +
                                 std::to_string(count) + " device(s), numbered from 0");
    }
    Device wanted = 0;
    driver.check(driver.device_get(&wanted, ordinal), "cuDeviceGet");
    if (context_ != nullptr && wanted == device_) return;
    device_ = wanted;
    driver.check(driver.primary_ctx_retain(&context_, device_), "cuDevicePrimaryCtxRetain");
    retained_ = true;
}

CudaContext::~CudaContext() {
    if (retained_ && !foreign()) driver_.primary_ctx_release(device_);
}

bool CudaContext::foreign() const noexcept { return generation_ != fork_generation(); }

std::string CudaContext::device_name() const {
    std::array<char, 256> name{};
    driver_.check(driver_.device_get_name(name.data(), static_cast<int>(name.size()), device_), "cuDeviceGetName");
    return name.data();
}

std::string CudaContext::pci_bus_id() const {
    std::array<char, 32> id{};
    driver_.check(driver_.device_get_pci_bus_id(id.data(), static_cast<int>(id.size()), device_),
                  "cuDeviceGetPCIBusId");
    return id.data();
}

CudaContext::Scope::Scope(const CudaContext& context, CaptureMode mode) noexcept
    : context_(context),
      capture_mode_(context.driver_, mode),
      pushed_(context.driver_.ctx_push_current(context.context_) == kSuccess) {}

CudaContext::Scope::~Scope() {
    Context popped = nullptr;
    if (pushed_) context_.driver_.ctx_pop_current(&popped);
}

}  // namespace inference_bench::cuda

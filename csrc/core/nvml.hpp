// One GPU's state as NVIDIA's management library tells it, without a CUDA context. The types are written from the
// public NVML documentation; libnvidia-ml.so.1 is opened when first asked for.
//
// What one call costs, as others measured it: MemoryInfo 12 us, a process list 4.5 ms (it takes a lock that all of NVML
// shares), so lists are read at the edges of a phase, never on a timer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probes.hpp"

namespace inference_bench::nvml {

using Result = int;
using Device = struct DeviceHandle*;

struct Library;

struct Availability {
    const Library* library;  // null: not available; otherwise for the rest of the process
    std::string reason;      // why not; or which library it is
};

// The library that INFERENCE_BENCH_LIBNVML names, or the system's. Thread-safe; initialises nothing.
[[nodiscard]] Availability load_library();

// The fields of a reading. kAbsent, never 0, where the GPU reports none.
enum Field : std::size_t {
    kMemoryUsed,   // bytes of all processes on the device; without the driver's reserve, if it reports that separately
    kSmClock,      // MHz
    kMemoryClock,  // MHz
    kThrottle,     // bits: why the clocks are not higher
    kTemperature,  // degrees Celsius
    kPower,        // mW; from Ampere on (not GA100) a mean over the last second
    kEnergy,       // mJ since the driver was loaded; the counter moves every 20-100 ms
    kFields,
};
[[nodiscard]] const char* name_of(Field field) noexcept;  // with its unit: "power_mw"

using Reading = std::array<std::int64_t, kFields>;

struct Process {
    std::int64_t pid;  // as the host's kernel has it: inside a container another than getpid()
    std::int64_t memory_bytes;
};

class Gpu {
  public:
    // `which` is NVML's index, a UUID ("GPU-..." or "MIG-...") or a PCI bus id. NVML's order is not CUDA's: from CUDA,
    // come with the PCI bus id. Throws std::runtime_error.
    explicit Gpu(const std::string& which);
    ~Gpu();
    Gpu(const Gpu&) = delete;
    Gpu& operator=(const Gpu&) = delete;

    [[nodiscard]] Reading read() const noexcept;
    // As found when the GPU was opened.
    [[nodiscard]] bool supports(Field field) const noexcept { return supported_[field]; }

    // Takes milliseconds. False where the driver reports no processes.
    bool processes(std::vector<Process>& out) const;

    [[nodiscard]] const std::string& library() const noexcept;
    [[nodiscard]] const std::string& which() const noexcept { return which_; }
    // Forked from the process that opened it: NVML's state did not survive.
    [[nodiscard]] bool foreign() const noexcept;

  private:
    Result read(Field field, std::int64_t& value) const noexcept;

    const Library& library_;
    const std::string which_;
    std::uint32_t generation_;
    Device device_ = nullptr;
    std::array<bool, kFields> supported_{};
};

}  // namespace inference_bench::nvml

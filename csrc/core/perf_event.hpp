// One perf counter of the calling thread.
#pragma once

#include <cstdint>
#include <string>

#include "kernel_file.hpp"
#include "reading.hpp"

namespace inference_bench {

class PerfEvent {
  public:
    enum class Kind : std::uint8_t { Instructions, Cycles, CacheMisses, TaskClock, CpuMigrations };

    PerfEvent() noexcept = default;
    // Counts from now on, in user space only where the kernel allows no more. A software event is then not opened at
    // all: what it counts happens inside the kernel, and it would read 0.
    explicit PerfEvent(Kind kind);

    [[nodiscard]] bool available() const noexcept { return file_.is_open(); }
    [[nodiscard]] bool user_only() const noexcept { return user_only_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }  // why it is not available

    // Absent also while it shares the hardware with too many others, for then it has not seen everything.
    [[nodiscard]] Count read() const noexcept;

  private:
    KernelFile file_;
    bool user_only_ = false;
    std::string reason_;
};

}  // namespace inference_bench

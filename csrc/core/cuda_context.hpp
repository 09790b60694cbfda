// The CUDA context that is timed: the caller's own, or the primary one of a device, which every framework shares.
#pragma once

#include <cstdint>
#include <string>

#include "cuda_driver.hpp"

namespace inference_bench::cuda {

class CudaContext {
  public:
    // Without a device: the context current in this thread, or else device 0's primary one. With one: the current
    // context if it is that device's, or else its primary one. Calls cuInit if it was not called before. Throws
    // std::runtime_error.
    CudaContext(const Driver& driver, int device);
    ~CudaContext();
    CudaContext(const CudaContext&) = delete;
    CudaContext& operator=(const CudaContext&) = delete;

    static constexpr int kAnyDevice = -1;

    [[nodiscard]] const Driver& driver() const noexcept { return driver_; }
    [[nodiscard]] int device() const noexcept { return device_; }
    [[nodiscard]] bool retained() const noexcept { return retained_; }
    [[nodiscard]] std::string device_name() const;
    [[nodiscard]] std::string pci_bus_id() const;
    // This process forked from the one that the context belongs to: nothing may be done with it, not even freed.
    [[nodiscard]] bool foreign() const noexcept;

    // Current in this thread, and the thread exempt from others' graph captures, for as long as it lives.
    class Scope {
      public:
        Scope(const CudaContext& context, CaptureMode mode) noexcept;
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

      private:
        const CudaContext& context_;
        CaptureModeScope capture_mode_;
        bool pushed_;
    };

  private:
    const Driver& driver_;
    Context context_ = nullptr;
    Device device_ = 0;
    bool retained_ = false;
    std::uint32_t generation_;
};

// CUDA was used through us in a process that this one was forked from.
[[nodiscard]] bool used_before_fork() noexcept;

}  // namespace inference_bench::cuda

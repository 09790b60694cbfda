// A fixed array of raw ticks, every page of which has been touched before the first tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "clock_source.hpp"

namespace inference_bench {

class TickRecorder {
  public:
    static constexpr std::size_t kMaxCapacity = std::size_t{1} << 31;

    explicit TickRecorder(std::size_t capacity) : ticks_(new std::uint64_t[capacity]()), capacity_(capacity) {
        // Zeroing may be lazy (fresh pages are zero already); a volatile write to each page is not.
        constexpr std::size_t kPerPage = 4096 / sizeof(std::uint64_t);
        volatile std::uint64_t* page = ticks_.get();
        for (std::size_t i = 0; i < capacity; i += kPerPage) page[i] = 0;
        static_cast<void>(
            inference_bench::ticks());  // the first tick of a process decides the source: 10 us, paid here
    }

    // Full means counted and dropped: growing would put an allocation between two timestamps.
    void tick() noexcept {
        const std::uint64_t now = inference_bench::ticks();
        if (__builtin_expect(size_ < capacity_, 1)) {
            ticks_[size_++] = now;
        } else {
            ++dropped_;
        }
    }

    void clear() noexcept {
        size_ = 0;
        dropped_ = 0;
    }

    [[nodiscard]] const std::uint64_t* data() const noexcept { return ticks_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    std::unique_ptr<std::uint64_t[]> ticks_;
    std::size_t size_ = 0;
    std::size_t capacity_;
    std::uint64_t dropped_ = 0;
};

}  // namespace inference_bench

// A file of /proc, /sys or perf that stays open and is read anew each time, without malloc.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

namespace inference_bench {

class KernelFile {
  public:
    KernelFile() noexcept = default;
    explicit KernelFile(const char* path, int mode = O_RDONLY) noexcept : fd_(open(path, mode | O_CLOEXEC)) {}
    explicit KernelFile(int fd) noexcept : fd_(fd) {}
    KernelFile(KernelFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    KernelFile& operator=(KernelFile&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~KernelFile() {
        if (fd_ >= 0) close(fd_);
    }

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }

    // What fits into the buffer; nothing where the file is missing or refuses.
    template <std::size_t N>
    [[nodiscard]] std::string_view read(std::array<char, N>& buffer) const noexcept {
        const ssize_t n = fd_ < 0 ? -1 : pread(fd_, buffer.data(), N, 0);
        return {buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
    }

  private:
    int fd_ = -1;
};

}  // namespace inference_bench

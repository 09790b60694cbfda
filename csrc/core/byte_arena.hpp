// Bytes that are kept in pieces which never move. One thread writes; others may read what they were given pointers to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace inference_bench {

class ByteArena {
  public:
    ByteArena() { begin(new_block(kBlockBytes), kBlockBytes); }  // std::bad_alloc

    // Room for `bytes` in one piece, until the next call. keep() makes the first so many of them permanent.
    [[nodiscard]] char* reserve(std::size_t bytes) {
        if (bytes > left_) add_block(bytes);
        return free_;
    }
    void keep(std::size_t bytes) noexcept {
        free_ += bytes;
        left_ -= bytes;
    }

    // When there is time: the next block, its pages touched, once the present one is half full.
    void make_room() {
        if (spare_ == nullptr && left_ < kBlockBytes / 2) spare_ = new_block(kBlockBytes);
    }

  private:
    static constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
    using Block = std::unique_ptr<char[]>;

    static Block new_block(std::size_t bytes) { return std::make_unique<char[]>(bytes); }  // zeroed: touched

    void begin(Block block, std::size_t bytes) {
        blocks_.push_back(std::move(block));
        free_ = blocks_.back().get();
        left_ = bytes;
    }

    void add_block(std::size_t bytes) {
        if (spare_ != nullptr && bytes <= kBlockBytes) return begin(std::move(spare_), kBlockBytes);
        const std::size_t size = std::max(bytes, kBlockBytes);
        begin(new_block(size), size);
    }

    std::vector<Block> blocks_;
    Block spare_;
    char* free_ = nullptr;
    std::size_t left_ = 0;
};

}  // namespace inference_bench

// The sum of all numbers of a block of memory, by the widest vectors that this processor has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inference_bench {

// Bytes that one turn of every loop reads: a block is a multiple of it, and begins at a multiple of 64.
constexpr std::size_t kReadSumBytes = 512;

struct ReadSum {
    const char* name;  // of the instructions: "avx512f", "avx2", "sse2" or "neon"
    std::uint64_t (*sum)(const std::uint64_t* numbers, std::size_t bytes) noexcept;
};

// What this processor can carry out, the widest first. Never empty.
[[nodiscard]] std::vector<ReadSum> read_sums();

}  // namespace inference_bench

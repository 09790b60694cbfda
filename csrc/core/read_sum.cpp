#include "read_sum.hpp"

namespace inference_bench {
namespace {

// One addition to each accumulator has a latency of one cycle, and processors load two or three vectors in a cycle.
// Eight accumulators of 64 bytes keep all of them busy; narrower vectors have as many registers to take turns with.
constexpr std::size_t kAccumulators = 8;

template <std::size_t kWidth>
struct Vector {
    typedef std::uint64_t Type __attribute__((vector_size(kWidth), may_alias));
};

// Inlined into a caller that says which instructions may be used.
template <std::size_t kWidth>
[[gnu::always_inline]] inline std::uint64_t sum_of(const std::uint64_t* numbers, std::size_t bytes) noexcept {
    using Lanes = typename Vector<kWidth>::Type;
    static_assert(kReadSumBytes % (kAccumulators * kWidth) == 0, "no remainder is left");
    Lanes sums[kAccumulators] = {};
    const auto* at = reinterpret_cast<const Lanes*>(numbers);
    const Lanes* const end = at + bytes / kWidth;
    while (at != end) {
        for (std::size_t i = 0; i < kAccumulators; ++i) sums[i] += at[i];
        at += kAccumulators;
    }
    for (std::size_t i = 1; i < kAccumulators; ++i) sums[0] += sums[i];
    std::uint64_t total = 0;
    for (std::size_t lane = 0; lane < kWidth / sizeof(std::uint64_t); ++lane) total += sums[0][lane];
    return total;
}

std::uint64_t sum_by_16(const std::uint64_t* numbers, std::size_t bytes) noexcept { return sum_of<16>(numbers, bytes); }

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t sum_by_32(const std::uint64_t* numbers, std::size_t bytes) noexcept {
    return sum_of<32>(numbers, bytes);
}

[[gnu::target("avx512f")]] std::uint64_t sum_by_64(const std::uint64_t* numbers, std::size_t bytes) noexcept {
    return sum_of<64>(numbers, bytes);
}
#endif

}  // namespace

std::vector<ReadSum> read_sums() {
    std::vector<ReadSum> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) found.push_back({"avx512f", sum_by_64});
    if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", sum_by_32});
    found.push_back({"sse2", sum_by_16});
#else
    found.push_back({"neon", sum_by_16});
#endif
    return found;
}

}  // namespace inference_bench

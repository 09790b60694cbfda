// When requests are due, as offsets from a start. The same seed gives the same offsets on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace inference_bench {

// Every gap but a trace's is drawn from one distribution with the mean 1 / rate, and the first tick lies one gap after
// the start, so that n ticks take n / rate.
struct Schedule {
    // Fixed bit for bit by the C++ standard; the distributions are ours, since the standard library's differ by vendor.
    static constexpr const char* kGenerator = "mt19937_64";
    static constexpr std::int64_t kMostTicks = 100'000'000;  // 2.4 GB with what a pacer records of each
    static constexpr std::int64_t kLongestNs = 366LL * 86'400 * 1'000'000'000;
    static constexpr double kHighestRate = 1e9;
    static constexpr double kLeastShape = 0.01;  // a coefficient of variation of 10
    static constexpr double kGreatestShape = 1e6;

    std::string kind;  // "constant", "poisson", "gamma" or "trace"
    double rate = 0;   // ticks a second; a trace has none
    double shape = 0;  // of the gamma distribution alone: 1 is Poisson, less is burstier
    std::uint64_t seed = 0;
    std::vector<std::int64_t> offsets_ns;  // never decreasing

    [[nodiscard]] bool random() const noexcept { return kind == "poisson" || kind == "gamma"; }

    // All throw std::invalid_argument, saying what was given and what is allowed, and std::bad_alloc.
    [[nodiscard]] static Schedule constant(double rate, std::int64_t count);
    [[nodiscard]] static Schedule poisson(double rate, std::int64_t count, std::uint64_t seed);  // by inverse CDF
    [[nodiscard]] static Schedule gamma(double rate, std::int64_t count, double shape, std::uint64_t seed);
    [[nodiscard]] static Schedule trace(std::vector<std::int64_t> offsets_ns);
};

}  // namespace inference_bench

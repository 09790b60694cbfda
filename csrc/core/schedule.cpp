#include "schedule.hpp"

#include <cmath>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "portable_math.hpp"

namespace inference_bench {
namespace {

template <typename T>
std::string text(const T& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

template <typename T>
void require(bool good, const std::string& name, const std::string& allowed, const T& given) {
    if (!good) throw std::invalid_argument(name + " must be " + allowed + "; given " + text(given));
}

void check(double rate, std::int64_t count) {
    // Written so that NaN fails.
    require(rate > 0 && rate <= Schedule::kHighestRate, "rate",
            "above 0 and at most " + text(Schedule::kHighestRate) + " ticks a second", rate);
    require(count >= 1 && count <= Schedule::kMostTicks, "count",
            "from 1 to " + std::to_string(Schedule::kMostTicks) + " ticks", count);
}

// Adds up gaps of a fraction of a nanosecond without losing any: the fraction is carried over, not rounded off.
class Sum {
  public:
    std::int64_t add(double gap_ns) {
        const double exact = fraction_ + gap_ns;
        if (!(exact < static_cast<double>(Schedule::kLongestNs - whole_))) {
            throw std::invalid_argument(
                "this schedule would last longer than 366 days; choose a higher rate or fewer ticks");
        }
        const double whole = std::floor(exact);
        fraction_ = exact - whole;
        whole_ += static_cast<std::int64_t>(whole);
        return whole_;
    }

  private:
    std::int64_t whole_ = 0;
    double fraction_ = 0;
};

template <typename Gap>
std::vector<std::int64_t> add_up(std::int64_t count, Gap gap_ns) {
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(count));
    Sum sum;
    for (std::int64_t& offset : offsets) offset = sum.add(gap_ns());
    return offsets;
}

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    // In [0, 1), with all 53 bits that a double has.
    double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
    // With mean 1, by inverting 1 - exp(-x). 1 - u is exact: u is a multiple of 2^-53.
    double exponential() { return -portable::log(1 - uniform()); }

    // Marsaglia's polar method; the second value that each pair would give is not kept, for a simpler state.
    double normal() {
        for (;;) {
            const double x = 2 * uniform() - 1;
            const double y = 2 * uniform() - 1;
            const double s = x * x + y * y;
            if (s > 0 && s < 1) return x * std::sqrt(-2 * portable::log(s) / s);
        }
    }

    // With mean `shape`. Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
    double gamma(double shape) {
        if (shape < 1) return gamma(shape + 1) * portable::exp(portable::log(1 - uniform()) / shape);
        const double d = shape - 1.0 / 3;
        const double c = 1 / std::sqrt(9 * d);
        for (;;) {
            const double x = normal();
            const double root = 1 + c * x;
            const double v = root * root * root;
            if (v <= 0) continue;
            const double u = 1 - uniform();
            if (portable::log(u) < x * x / 2 + d - d * v + d * portable::log(v)) return d * v;
        }
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace

Schedule Schedule::constant(double rate, std::int64_t count) {
    check(rate, count);
    Schedule s;
    s.kind = "constant";
    s.rate = rate;
    s.offsets_ns = add_up(count, [gap = 1e9 / rate] { return gap; });
    return s;
}

Schedule Schedule::poisson(double rate, std::int64_t count, std::uint64_t seed) {
    check(rate, count);
    Random random(seed);
    Schedule s;
    s.kind = "poisson";
    s.rate = rate;
    s.seed = seed;
    s.offsets_ns = add_up(count, [&, mean = 1e9 / rate] { return mean * random.exponential(); });
    return s;
}

Schedule Schedule::gamma(double rate, std::int64_t count, double shape, std::uint64_t seed) {
    check(rate, count);
    require(shape >= kLeastShape && shape <= kGreatestShape, "shape",
            "from " + text(kLeastShape) + " to " + text(kGreatestShape), shape);
    Random random(seed);
    Schedule s;
    s.kind = "gamma";
    s.rate = rate;
    s.shape = shape;
    s.seed = seed;
    s.offsets_ns = add_up(count, [&, scale = 1e9 / rate / shape] { return scale * random.gamma(shape); });
    return s;
}

Schedule Schedule::trace(std::vector<std::int64_t> offsets_ns) {
    const auto at = [](std::size_t i) { return "offsets_ns[" + std::to_string(i) + "]"; };
    require(!offsets_ns.empty() && offsets_ns.size() <= static_cast<std::size_t>(kMostTicks), "offsets_ns",
            "from 1 to " + std::to_string(kMostTicks) + " ticks long", offsets_ns.size());
    std::int64_t before = 0;
    for (std::size_t i = 0; i < offsets_ns.size(); ++i) {
        const std::int64_t offset = offsets_ns[i];
        require(offset >= 0 && offset <= kLongestNs, at(i),
                "from 0 to " + std::to_string(kLongestNs) + " nanoseconds after the start", offset);
        require(offset >= before, at(i), "at least the " + std::to_string(before) + " before it", offset);
        before = offset;
    }
    Schedule s;
    s.kind = "trace";
    s.offsets_ns = std::move(offsets_ns);
    return s;
}

}  // namespace inference_bench

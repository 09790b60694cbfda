#include "portable_math.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

namespace portable = inference_bench::portable;

namespace {

// Distance from the C library's value in units of its last place.
double ulps(double ours, double theirs) {
    const double next = std::nextafter(theirs, std::numeric_limits<double>::infinity());
    return std::abs(ours - theirs) / (next - theirs);
}

}  // namespace

TEST_CASE("the portable logarithm is within 3 units in the last place") {
    std::mt19937_64 engine(1);
    for (int i = 0; i < 200'000; ++i) {
        const double u = static_cast<double>(engine() >> 11) * 0x1p-53;
        for (const double x : {1 - u, u + 0x1p-60, std::ldexp(1 + u, i % 2'000 - 1'000)}) {
            if (x != 1) CHECK(ulps(portable::log(x), std::log(x)) <= 3);
        }
    }
    CHECK(portable::log(1) == 0);
    CHECK(portable::log(1 - 0x1p-53) == std::log1p(-0x1p-53));
}

TEST_CASE("the portable exponential is within 3 units in the last place") {
    std::mt19937_64 engine(2);
    for (int i = 0; i < 200'000; ++i) {
        const double x = -700 * static_cast<double>(engine() >> 11) * 0x1p-53;
        CHECK(ulps(portable::exp(x), std::exp(x)) <= 3);
    }
    CHECK(portable::exp(0) == 1);
    CHECK(portable::exp(-5'000) == 0);
    CHECK(portable::exp(-std::numeric_limits<double>::infinity()) == 0);
}

// The bits that every machine must find.
TEST_CASE("values of the portable functions are these") {
    CHECK(portable::log(0.3) == -0x1.34378fcbda721p+0);
    CHECK(portable::exp(-1.7) == 0x1.7622c78a98a07p-3);
}

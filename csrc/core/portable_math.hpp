// Logarithm and exponential with the same bits on every machine.
//
// The C library's differ in the last bit between its versions and between processors. These use only what IEEE 754
// rounds exactly (+ - * /) and exact scaling by powers of two. Files that include them are compiled without fused
// multiply-add (-ffp-contract=off), which would round once where others round twice.
#pragma once

#include <cmath>

namespace inference_bench::portable {

constexpr double kLn2High = 0x1.62e42fee00000p-1;  // 33 bits, so that its product with an exponent is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// Of a finite x > 0. ln m = 2 artanh((m - 1) / (m + 1)), a series in s^2 <= 0.0295 for m from sqrt(1/2) to sqrt(2).
inline double log(double x) {
    int exponent = 0;
    double m = std::frexp(x, &exponent);
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        --exponent;
    }
    const double s = (m - 1) / (m + 1);
    const double square = s * s;
    double sum = 0;
    for (int odd = 23; odd >= 3; odd -= 2) sum = square * (sum + 1.0 / odd);
    return exponent * kLn2High + (2 * s + (2 * s * sum + exponent * kLn2Low));
}

// Of x <= 0, down to -infinity. x = k ln 2 + r with |r| <= ln(2) / 2, and the Taylor series of e^r.
inline double exp(double x) {
    if (x < -745.2) return 0;  // below the smallest double
    const double k = std::floor(x / kLn2High + 0.5);
    const double r = (x - k * kLn2High) - k * kLn2Low;
    double sum = 1;
    for (int n = 14; n >= 1; --n) sum = 1 + sum * r / n;
    return std::ldexp(sum, static_cast<int>(k));
}

}  // namespace inference_bench::portable

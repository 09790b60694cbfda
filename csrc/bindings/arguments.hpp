// Arguments from Python: any whole number, also NumPy's. What does not fit is named in the error, where pybind11 would
// print the signature.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace inference_bench::bindings {

// Throws TypeError for what is no whole number, ValueError for one that does not fit.
template <typename T>
T whole(const char* name, const pybind11::handle& given) {
    const auto number = pybind11::reinterpret_steal<pybind11::object>(PyNumber_Index(given.ptr()));
    if (!number) throw pybind11::error_already_set();
    constexpr bool kSigned = std::is_signed_v<T>;
    T value{};
    if constexpr (kSigned) {
        value = PyLong_AsLongLong(number.ptr());
    } else {
        value = PyLong_AsUnsignedLongLong(number.ptr());
    }
    if (value != static_cast<T>(-1) || PyErr_Occurred() == nullptr) return value;
    PyErr_Clear();  // OverflowError, which would not say whose
    throw pybind11::value_error(std::string(name) + " must fit " + (kSigned ? "a signed" : "an unsigned") +
                                " 64-bit integer; given " + pybind11::str(number).cast<std::string>());
}

[[nodiscard]] double real(const char* name, const pybind11::handle& given);

// A buffer of native int64, or anything that gives whole numbers.
[[nodiscard]] std::vector<std::int64_t> whole_numbers(const char* name, const pybind11::handle& given);

// The bytes of any contiguous buffer.
[[nodiscard]] std::string bytes_of(const char* name, const pybind11::handle& given);

}  // namespace inference_bench::bindings

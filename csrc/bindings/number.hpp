// From Python numbers to C ones where every nanosecond counts.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

#include "cell.hpp"

namespace inference_bench::bindings {

// The GIL lets one thread in at a time; a build without it needs locked additions.
#ifdef Py_GIL_DISABLED
constexpr Writers kWriters = Writers::Many;
#else
constexpr Writers kWriters = Writers::One;
#endif

// A non-negative int of at most two digits (below 2^60), or -1 for anything else. PyLong_AsLongLong costs 2 ns more
// for one digit, and on 3.12 and later 12 ns more for two.
inline std::int64_t small_int(PyObject* object) noexcept {
    if (!PyLong_CheckExact(object)) return -1;
    const auto* const number = reinterpret_cast<const PyLongObject*>(object);
#if PY_VERSION_HEX >= 0x030C0000
    const std::uintptr_t tag = number->long_value.lv_tag;
    const digit* const digits = number->long_value.ob_digit;
    if ((tag & 3) == 2) return -1;  // negative
    const std::uintptr_t size = tag >> 3;
#else
    const Py_ssize_t size = Py_SIZE(number);
    const digit* const digits = number->ob_digit;
#endif
    if (size == 1) return static_cast<std::int64_t>(digits[0]);
    if (size == 2) return static_cast<std::int64_t>(digits[0]) | (static_cast<std::int64_t>(digits[1]) << PyLong_SHIFT);
    return size == 0 ? 0 : -1;
}

// Any object with __index__. Beyond int64, `beyond` is 1 or -1 and `out` the nearer end; otherwise it is 0. False with
// TypeError set for anything else.
inline bool any_int(PyObject* object, std::int64_t& out, int& beyond) {
    PyObject* const index = PyNumber_Index(object);
    if (index == nullptr) return false;
    out = PyLong_AsLongLongAndOverflow(index, &beyond);
    Py_DECREF(index);
    if (beyond != 0) out = beyond > 0 ? INT64_MAX : INT64_MIN;
    return true;
}

}  // namespace inference_bench::bindings

// From Python numbers to C ones where every nanosecond counts.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

#include "cell.hpp"
#include "private_api.hpp"

namespace inference_bench::bindings {

// The GIL lets one thread in at a time; a build without it needs locked additions.
#ifdef Py_GIL_DISABLED
constexpr Writers kWriters = Writers::Many;
#else
constexpr Writers kWriters = Writers::One;
#endif

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

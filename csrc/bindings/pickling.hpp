// Objects that belong to this process.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace inference_bench::bindings {

// Makes pickling and copying an object of `type` a TypeError, unless the type has a __reduce__ of its own. False with
// an exception set.
bool refuse_pickling(PyTypeObject* type);

}  // namespace inference_bench::bindings

// Plain C functions as methods of a Python type.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace inference_bench::bindings {

// For a PyMethodDef whose flags say which arguments the function really takes. The cast goes through void (*)(), as
// compilers ask for.
template <typename Function>
PyCFunction as_method(Function* function) noexcept {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace inference_bench::bindings

// The module's entry, which only the main interpreter passes.
#include <pybind11/pybind11.h>

#include "register.hpp"

namespace inference_bench::bindings {
namespace {

constexpr const char* kRefusal =
    "inference_bench._native works in the main interpreter only, and this is a sub-interpreter; use a process instead";

bool in_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

}  // namespace

void require_main_interpreter() {
    if (!in_main_interpreter()) throw pybind11::import_error(kRefusal);
}

}  // namespace inference_bench::bindings

// CPython looks for names that C++ reserves.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" PyObject* PyInit__native_in_main_interpreter();

// Types are kept in static variables. A second interpreter would share them with the first, and would destroy them when
// it ends. The check stands before pybind11's own entry, because that waits forever in a
// sub-interpreter of CPython 3.11 (for a GIL that this thread holds under its other thread state).
extern "C" PYBIND11_EXPORT PyObject* PyInit__native() {
    if (inference_bench::bindings::in_main_interpreter()) return PyInit__native_in_main_interpreter();
    PyErr_SetString(PyExc_ImportError, inference_bench::bindings::kRefusal);
    return nullptr;
}
// NOLINTEND(bugprone-reserved-identifier)

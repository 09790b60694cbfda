// C++ code inside a plain C function of Python, whose caller cannot receive a C++ exception.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <new>

namespace inference_bench::bindings {

// Runs `body`, which returns a py::object. Returns a new reference, or null with an exception set for what it threw.
template <typename Body>
PyObject* guarded(Body body) {
    try {
        return body().release().ptr();
    } catch (pybind11::error_already_set& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

}  // namespace inference_bench::bindings

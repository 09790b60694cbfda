#include "column.hpp"
#include "register.hpp"

PYBIND11_MODULE(_native_in_main_interpreter, m) {
    using namespace inference_bench::bindings;
    m.doc() = "Clocks, recorders and samplers: what must cost next to nothing.";
    if (!register_column(m.ptr())) throw pybind11::error_already_set();
    register_clock(m);
    register_cuda(m);
    register_tick_recorder(m);
    register_memory(m);
    register_table(m);
    register_spans(m);
    register_histogram_counts(m);
    register_histogram(m);
    register_counter(m);
    register_readings(m);
    register_loop(m);
    register_native_thread(m);
    register_nvml(m);
}

// Refused before pybind11 gets to see it, which waits for ever for the GIL in a sub-interpreter of Python 3.11.
extern "C" PYBIND11_EXPORT PyObject* PyInit__native() {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) return PyInit__native_in_main_interpreter();
    PyErr_SetString(PyExc_ImportError,
                    "inference_bench._native works in the main interpreter only, not in a sub-interpreter");
    return nullptr;
}

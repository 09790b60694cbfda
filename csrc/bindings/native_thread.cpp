#include "native_thread.hpp"

#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {

// Python's own exit functions run while everything still stands; the libraries' exit handlers come later.
void register_native_thread(py::module_&) {
    py::module_::import("atexit").attr("register")(
        py::cpp_function(&NativeThread::stop_all, py::call_guard<WithoutGil>()));
}

}  // namespace inference_bench::bindings

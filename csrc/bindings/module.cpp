#include "column.hpp"
#include "native_class.hpp"
#include "register.hpp"

// Entered through main_interpreter.cpp.
PYBIND11_MODULE(_native_in_main_interpreter, m) {
    using namespace inference_bench::bindings;
    require_main_interpreter();
    guard_base_class();
    m.doc() = "Clocks, recorders and samplers: the parts whose cost must be negligible.";
    if (!register_column(m.ptr())) throw pybind11::error_already_set();
    register_clock(m);
    register_cuda(m);
    register_tick_recorder(m);
    register_memory(m);
    register_table(m);
    register_spans(m);
    register_histogram_counts(m);
    register_histogram(m);
    register_http_load(m);
    register_counter(m);
    register_read_bandwidth(m);
    register_readings(m);
    register_loop(m);
    register_native_thread(m);
    register_nvml(m);
    register_pacer(m);
    register_scripted_server(m);
    seal_types(m);
}

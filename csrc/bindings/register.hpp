// One function per file of this folder; module.cpp calls them in turn.
#pragma once

#include <pybind11/pybind11.h>

namespace inference_bench::bindings {

// Throws ImportError in a sub-interpreter. CPython 3.13 enters a module in the main interpreter and fills it in the one
// that imports it, so that the check at the entry is not enough.
void require_main_interpreter();

void register_clock(pybind11::module_& m);
void register_cuda(pybind11::module_& m);
void register_tick_recorder(pybind11::module_& m);
void register_memory(pybind11::module_& m);
void register_spans(pybind11::module_& m);
void register_table(pybind11::module_& m);
void register_histogram_counts(pybind11::module_& m);
void register_histogram(pybind11::module_& m);
void register_http_load(pybind11::module_& m);
void register_counter(pybind11::module_& m);
void register_read_bandwidth(pybind11::module_& m);
void register_readings(pybind11::module_& m);
void register_loop(pybind11::module_& m);
void register_native_thread(pybind11::module_& m);
void register_nvml(pybind11::module_& m);
void register_pacer(pybind11::module_& m);
void register_scripted_server(pybind11::module_& m);

}  // namespace inference_bench::bindings

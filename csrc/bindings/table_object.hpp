// A table as a Python object.
#pragma once

#include <pybind11/pybind11.h>

#include "table.hpp"

namespace inference_bench::bindings {

// The Python object: `column(name)`, `labels(name)`, `column_names`, len() and the Arrow PyCapsule interface.
pybind11::object make_table(Table table);

}  // namespace inference_bench::bindings

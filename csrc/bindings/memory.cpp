#include "register.hpp"

namespace inference_bench::bindings {
void register_memory(pybind11::module_&) {}
}  // namespace inference_bench::bindings

#include <pybind11/stl.h>

#include "native_class.hpp"
#include "process.hpp"
#include "register.hpp"
#include "system_counters.hpp"
#include "thread_counters.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

template <typename Reading>
py::dict as_dict(const Reading& reading) {
    py::dict out("time_ns"_a = reading.time_ns);
    for (const auto& field : Reading::kFields) out[field.name] = reading.*field.member;
    return out;
}

template <typename Reading>
void register_reading(py::module_& m, const char* name, const char* doc) {
    NativeClass<Reading> type(m, name, doc);
    type.def_readonly("time_ns", &Reading::time_ns);
    for (const auto& field : Reading::kFields) type.def_readonly(field.name, field.member);
    type.def("__sub__", &difference<Reading>, py::is_operator()).def("as_dict", &as_dict<Reading>);
}

ThreadReading read_thread(const ThreadCounters& counters) {
    if (!counters.on_owner()) {
        throw std::runtime_error("these counters belong to thread " + std::to_string(counters.owner()) +
                                 "; make others on the thread, or in the forked child, that reads them");
    }
    return counters.read();
}

py::dict thread_limits(const ThreadCounters& counters) {
    py::dict out;
    for (const auto& [name, why] : counters.limits()) out[name.c_str()] = why;
    return out;
}

}  // namespace

void register_readings(py::module_& m) {
    m.def(
        "interruptions",
        [] {
            const Interruptions found = interruptions();
            return std::make_pair(found.preemptions, found.disk_faults);
        },
        "Involuntary context switches and major page faults of this process so far.");
    register_reading<ThreadReading>(m, "ThreadReading", "A thread's counters at one moment, or between two.");
    register_reading<SystemReading>(m, "SystemReading", "The machine's counters at one moment, or between two.");
    NativeClass<ThreadCounters>(m, "ThreadCounters", "Counters of the thread that makes it.")
        .constructor([](bool perf) { return std::make_unique<ThreadCounters>(perf); }, py::kw_only(), "perf"_a = false)
        .def("read", &read_thread)
        .def_property_readonly("limits", &thread_limits);
    NativeClass<SystemCounters>(m, "SystemCounters", "Counters of the whole machine.")
        .constructor([] { return std::make_unique<SystemCounters>(); })
        .def("read", &SystemCounters::read);
}

}  // namespace inference_bench::bindings

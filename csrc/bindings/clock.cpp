// Hot readings are plain C functions: a call through pybind11 costs more than the reading (18 ns against 10).
#include "clock.hpp"

#include "column.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

// The first conversion of a process may wait 10 ms, which must not stop the other threads.
void calibrate_without_gil() {
    if (__builtin_expect(clock_calibrated(), 1)) return;
    const WithoutGil released;
    calibrate_clock();
}

PyObject* py_now_ns(PyObject*, PyObject*) {
    calibrate_without_gil();
    return PyLong_FromLongLong(now_ns());
}

PyObject* py_ticks(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(ticks()); }
PyObject* py_ticks_begin(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(ticks_begin()); }
PyObject* py_ticks_end(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(ticks_end()); }

PyObject* py_ticks_to_ns(PyObject*, PyObject* arg) {
    const unsigned long long value =
        PyLong_AsUnsignedLongLong(arg);  // TypeError, or OverflowError below 0 and above 2^64
    if (value == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr) return nullptr;
    calibrate_without_gil();
    return PyLong_FromLongLong(ticks_to_ns(value));
}

PyMethodDef hot_functions[] = {
    {"now_ns", py_now_ns, METH_NOARGS, "Nanoseconds on the CLOCK_MONOTONIC_RAW scale."},
    {"ticks", py_ticks, METH_NOARGS, "Raw ticks, plain read."},
    {"ticks_begin", py_ticks_begin, METH_NOARGS, "Raw ticks, fenced, before what is timed."},
    {"ticks_end", py_ticks_end, METH_NOARGS, "Raw ticks, fenced, after what was timed."},
    {"ticks_to_ns", py_ticks_to_ns, METH_O, "The nanosecond of a tick."},
    {nullptr, nullptr, 0, nullptr},
};

py::memoryview convert_ticks(const py::buffer& buffer) {
    const py::buffer_info info = buffer.request();
    const char kind = info.format.empty() ? '?' : info.format.back();
    if (info.ndim != 1 || info.itemsize != 8 || (kind != 'Q' && kind != 'L') || info.format[0] == '>' ||
        (info.size > 1 && info.strides[0] != 8)) {
        throw py::type_error("ticks must be one contiguous dimension of native uint64 (format 'Q'); given format '" +
                             info.format + "', " + std::to_string(info.ndim) + " dimension(s)");
    }
    const auto n = static_cast<std::size_t>(info.size);
    const std::shared_ptr<std::int64_t[]> ns(new std::int64_t[n]);
    {
        const WithoutGil released;
        ticks_to_ns(static_cast<const std::uint64_t*>(info.ptr), ns.get(), n);
    }
    PyObject* const view = make_memoryview<std::int64_t>(ns, n);
    if (view == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::memoryview>(view);
}

py::dict clock_describe() {
    ClockDescription d{};
    {
        const WithoutGil released;
        d = describe_clock();
    }
    py::dict out;
    out["source"] = d.source;
    out["reason"] = d.reason;
    out["frequency_hz"] = d.frequency_hz;
    out["resolution_ns"] = d.resolution_ns;
    out["read_cost_ns"] = d.read_cost_ns;
    out["fenced_pair_cost_ns"] = d.fenced_pair_cost_ns;
    out["residual_ppm"] = d.residual_ppm;
    out["max_residual_ns"] = d.max_residual_ns;
    out["anchors"] = d.anchors;
    out["rejected_anchors"] = d.rejected_anchors;
    out["suspends"] = d.suspends;
    out["backwards"] = d.backwards;
    out["drift"] = d.drift;
    out["baseline_ns"] = d.baseline_ns;
    return out;
}

}  // namespace

void register_clock(py::module_& m) {
    if (PyModule_AddFunctions(m.ptr(), hot_functions) < 0) throw py::error_already_set();
    m.def("convert_ticks", &convert_ticks, py::arg("ticks"), py::pos_only(),
          "int64 nanoseconds of a buffer of uint64 ticks.");
    m.def("clock_describe", &clock_describe, "Describe the clock and what one reading costs.");
    m.def("clock_recalibrate", &recalibrate_clock, py::call_guard<WithoutGil>(),
          "Compare with CLOCK_MONOTONIC_RAW and steer; False if no reading was tight enough.");
}

}  // namespace inference_bench::bindings

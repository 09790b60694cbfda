// A plain C type for recording; what was recorded is read through pybind11 (histogram_counts.cpp).
#include "histogram.hpp"

#include <cmath>
#include <new>

#include "guarded.hpp"
#include "number.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kTwoTo52 = 4503599627370496.0;  // from here on a double is an integer
constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr std::int64_t kDefaultHighestNs = (std::int64_t{1} << 40) - 1;  // 18 minutes

struct Holder {
    PyObject_HEAD Histogram core;
};

Histogram& core_of(PyObject* self) { return reinterpret_cast<Holder*>(self)->core; }

PyObject* histogram_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    const char* names[] = {"bits", "highest_ns", nullptr};
    PyObject* bits_given = nullptr;
    PyObject* highest_given = nullptr;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:Histogram", const_cast<char**>(names), &bits_given,
                                    &highest_given) == 0) {
        return nullptr;
    }
    std::int64_t bits = 7;
    std::int64_t highest = kDefaultHighestNs;
    int beyond = 0;
    if (bits_given != nullptr && !any_int(bits_given, bits, beyond)) return nullptr;
    if (bits != 7 && bits != 10) {
        return PyErr_Format(PyExc_ValueError, "bits must be 7 (0.8 %%) or 10 (0.1 %%); given %R", bits_given);
    }
    if (highest_given != nullptr && !any_int(highest_given, highest, beyond)) return nullptr;
    if (highest < 2 || beyond != 0) {
        return PyErr_Format(PyExc_ValueError, "highest_ns must be from 2 to 2^63 - 1; given %R", highest_given);
    }
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    try {
        new (&core_of(self))
            Histogram(HistogramLayout(static_cast<unsigned>(bits), static_cast<std::uint64_t>(highest)));
    } catch (const std::bad_alloc&) {
        type->tp_free(self);
        Py_DECREF(type);
        return PyErr_NoMemory();
    }
    return self;
}

void histogram_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    core_of(self).~Histogram();
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* histogram_observe(PyObject* self, PyObject* arg) {
    double seconds = 0;
    if (__builtin_expect(PyFloat_CheckExact(arg), 1)) {
        seconds = PyFloat_AS_DOUBLE(arg);
    } else {
        seconds = PyFloat_AsDouble(arg);
        if (seconds == -1.0 && PyErr_Occurred() != nullptr) return nullptr;
    }
    const double ns = seconds * kNsPerSecond;
    // One comparison for what is nearly always true; NaN fails it too.
    if (__builtin_expect(ns >= 0.0 && ns < kTwoTo63, 1)) {
        core_of(self).record<kWriters>(static_cast<std::int64_t>(ns + (ns < kTwoTo52 ? 0.5 : 0.0)));
    } else if (!std::isfinite(seconds)) {
        return PyErr_Format(PyExc_ValueError, "a duration must be a finite number of seconds; given %R", arg);
    } else if (ns < 0.0) {
        core_of(self).record_underflow<kWriters>();
    } else {
        core_of(self).record_overflow<kWriters>();
    }
    Py_RETURN_NONE;
}

PyObject* histogram_observe_ns(PyObject* self, PyObject* arg) {
    std::int64_t ns = small_int(arg);
    int beyond = 0;
    if (__builtin_expect(ns < 0, 0) && !any_int(arg, ns, beyond)) return nullptr;
    if (__builtin_expect(beyond > 0, 0)) {
        core_of(self).record_overflow<kWriters>();
    } else {
        core_of(self).record<kWriters>(ns);
    }
    Py_RETURN_NONE;
}

PyObject* histogram_read(PyObject* self, PyObject*) {
    return guarded([self] { return py::cast(core_of(self).read()); });
}

PyObject* histogram_take(PyObject* self, PyObject*) {
    return guarded([self] { return py::cast(core_of(self).take()); });
}

PyObject* histogram_bits(PyObject* self, void*) { return PyLong_FromUnsignedLong(core_of(self).layout().bits()); }
PyObject* histogram_highest_ns(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(core_of(self).layout().highest());
}

PyMethodDef histogram_methods[] = {
    {"observe", histogram_observe, METH_O, "Record a duration in seconds."},
    {"observe_ns", histogram_observe_ns, METH_O, "Record a duration in nanoseconds."},
    {"read", histogram_read, METH_NOARGS, "What was recorded since the last take()."},
    {"take", histogram_take, METH_NOARGS, "The same, and begin anew."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef histogram_getset[] = {
    {"bits", histogram_bits, nullptr, "7 or 10.", nullptr},
    {"highest_ns", histogram_highest_ns, nullptr, "The last value in range.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot histogram_slots[] = {
    {Py_tp_doc, const_cast<char*>("Log-linear buckets of durations. Any thread may record.")},
    {Py_tp_new, reinterpret_cast<void*>(histogram_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(histogram_dealloc)},
    {Py_tp_methods, histogram_methods},
    {Py_tp_getset, histogram_getset},
    {0, nullptr},
};

PyType_Spec histogram_spec = {
    "inference_bench._native.Histogram",           sizeof(Holder),  0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, histogram_slots,
};

}  // namespace

void register_histogram(py::module_& m) {
    PyObject* const type = PyType_FromModuleAndSpec(m.ptr(), &histogram_spec, nullptr);
    if (type == nullptr) throw py::error_already_set();
    m.add_object("Histogram", py::reinterpret_steal<py::object>(type));
}

}  // namespace inference_bench::bindings

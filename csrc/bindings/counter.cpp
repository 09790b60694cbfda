// Plain C types: a call through pybind11 costs ten times what the addition does.
#include "counter.hpp"

#include <cmath>

#include "gauge.hpp"
#include "number.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

template <typename Core>
struct Holder {
    PyObject_HEAD Core core;
};

template <typename Core>
Core& core_of(PyObject* self) {
    return reinterpret_cast<Holder<Core>*>(self)->core;
}

// Both cores are all zeros at first and own nothing, so that the allocator's zeroed memory is a new one.
template <typename Core>
PyObject* new_holder(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    const char* names[] = {nullptr};
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "", const_cast<char**>(names)) == 0) return nullptr;
    PyObject* const self = type->tp_alloc(type, 0);
    if (self != nullptr) new (&core_of<Core>(self)) Core();
    return self;
}

void dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* counter_inc(PyObject* self, PyObject*) {
    core_of<Counter>(self).increment<kWriters>();
    Py_RETURN_NONE;
}

PyObject* counter_add(PyObject* self, PyObject* arg) {
    std::int64_t n = small_int(arg);
    int beyond = 0;
    if (__builtin_expect(n < 0, 0)) {
        if (!any_int(arg, n, beyond)) return nullptr;
        if (n < 0) return PyErr_Format(PyExc_ValueError, "a counter only grows: n must be 0 or more; given %R", arg);
    }
    Counter& core = core_of<Counter>(self);
    if (__builtin_expect(beyond > 0 || !core.add<kWriters>(static_cast<std::uint64_t>(n)), 0)) {
        return PyErr_Format(PyExc_OverflowError, "a counter goes up to 2^63 - 1; it is %llu and was given %R",
                            static_cast<unsigned long long>(core.value()), arg);
    }
    Py_RETURN_NONE;
}

PyObject* counter_value(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(core_of<Counter>(self).value()); }

PyObject* counter_repr(PyObject* self) {
    return PyUnicode_FromFormat("Counter(%llu)", static_cast<unsigned long long>(core_of<Counter>(self).value()));
}

// False with an exception set unless `arg` is a finite number.
bool finite_double(PyObject* arg, double& out) {
    out = PyFloat_CheckExact(arg) ? PyFloat_AS_DOUBLE(arg) : PyFloat_AsDouble(arg);
    if (__builtin_expect(std::isfinite(out), 1)) return out != -1.0 || PyErr_Occurred() == nullptr;
    PyErr_Format(PyExc_ValueError, "a gauge holds finite numbers; given %R", arg);
    return false;
}

PyObject* add_to_gauge(PyObject* self, double delta) {
    Gauge& core = core_of<Gauge>(self);
    if (core.add<kWriters>(delta)) Py_RETURN_NONE;
    PyErr_SetString(PyExc_OverflowError, "the gauge would pass the largest float");
    return nullptr;
}

PyObject* gauge_set(PyObject* self, PyObject* arg) {
    double value = 0;
    if (!finite_double(arg, value)) return nullptr;
    core_of<Gauge>(self).set(value);
    Py_RETURN_NONE;
}

PyObject* gauge_add(PyObject* self, PyObject* arg) {
    double delta = 0;
    return finite_double(arg, delta) ? add_to_gauge(self, delta) : nullptr;
}

PyObject* gauge_inc(PyObject* self, PyObject*) { return add_to_gauge(self, 1.0); }
PyObject* gauge_dec(PyObject* self, PyObject*) { return add_to_gauge(self, -1.0); }
PyObject* gauge_value(PyObject* self, void*) { return PyFloat_FromDouble(core_of<Gauge>(self).value()); }

PyObject* gauge_repr(PyObject* self) {
    PyObject* const value = gauge_value(self, nullptr);
    if (value == nullptr) return nullptr;
    PyObject* const text = PyUnicode_FromFormat("Gauge(%R)", value);
    Py_DECREF(value);
    return text;
}

PyMethodDef counter_methods[] = {
    {"inc", counter_inc, METH_NOARGS, "Add 1."},
    {"add", counter_add, METH_O, "Add n, an int of 0 or more."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef counter_getset[] = {
    {"value", counter_value, nullptr, "The sum of all additions.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot counter_slots[] = {
    {Py_tp_doc, const_cast<char*>("A number that only grows. Any thread may add.")},
    {Py_tp_new, reinterpret_cast<void*>(new_holder<Counter>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(counter_repr)},
    {Py_tp_methods, counter_methods},
    {Py_tp_getset, counter_getset},
    {0, nullptr},
};

PyType_Spec counter_spec = {
    "inference_bench._native.Counter",
    sizeof(Holder<Counter>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    counter_slots,
};

PyMethodDef gauge_methods[] = {
    {"set", gauge_set, METH_O, "Become a finite number."},
    {"add", gauge_add, METH_O, "Add a finite number, which may be negative."},
    {"inc", gauge_inc, METH_NOARGS, "Add 1."},
    {"dec", gauge_dec, METH_NOARGS, "Take 1 away."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef gauge_getset[] = {
    {"value", gauge_value, nullptr, "The present number.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot gauge_slots[] = {
    {Py_tp_doc, const_cast<char*>("A number that goes up and down. Any thread may change it.")},
    {Py_tp_new, reinterpret_cast<void*>(new_holder<Gauge>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(gauge_repr)},
    {Py_tp_methods, gauge_methods},
    {Py_tp_getset, gauge_getset},
    {0, nullptr},
};

PyType_Spec gauge_spec = {
    "inference_bench._native.Gauge",
    sizeof(Holder<Gauge>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    gauge_slots,
};

void add_type(py::module_& m, const char* name, PyType_Spec& spec) {
    PyObject* const type = PyType_FromModuleAndSpec(m.ptr(), &spec, nullptr);
    if (type == nullptr) throw py::error_already_set();
    m.add_object(name, py::reinterpret_steal<py::object>(type));
}

}  // namespace

void register_counter(py::module_& m) {
    add_type(m, "Counter", counter_spec);
    add_type(m, "Gauge", gauge_spec);
}

}  // namespace inference_bench::bindings

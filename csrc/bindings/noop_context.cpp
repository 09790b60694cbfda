// The cheapest possible context manager: a span's mechanism without the timing. Spans are compared with it.
#include "method.hpp"
#include "spans.hpp"

namespace inference_bench::bindings {
namespace {

struct NoopContext {
    PyObject_HEAD PyObject* enter;
    PyObject* exit;
};

PyTypeObject* noop_type = nullptr;

NoopContext* cast(PyObject* self) { return reinterpret_cast<NoopContext*>(self); }

PyObject* noop_enter(PyObject*, PyObject*) { Py_RETURN_NONE; }
PyObject* noop_exit(PyObject*, PyObject* const*, Py_ssize_t) { Py_RETURN_NONE; }

PyMethodDef enter_def = {"__enter__", noop_enter, METH_NOARGS, nullptr};
PyMethodDef exit_def = {"__exit__", as_method(noop_exit), METH_FASTCALL, nullptr};

PyObject* get_enter(PyObject* self, PyObject* of, PyObject*) {
    if (__builtin_expect(of == nullptr || !Py_IS_TYPE(of, noop_type), 0)) return descriptor_alone(self, of, noop_type);
    Py_INCREF(cast(of)->enter);
    return cast(of)->enter;
}

PyObject* get_exit(PyObject* self, PyObject* of, PyObject*) {
    if (__builtin_expect(of == nullptr || !Py_IS_TYPE(of, noop_type), 0)) return descriptor_alone(self, of, noop_type);
    Py_INCREF(cast(of)->exit);
    return cast(of)->exit;
}

// The callables hold no reference back, so that there is no cycle to collect.
PyObject* noop_new(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    cast(self)->enter = PyCFunction_New(&enter_def, nullptr);
    cast(self)->exit = PyCFunction_New(&exit_def, nullptr);
    if (cast(self)->enter != nullptr && cast(self)->exit != nullptr) return self;
    Py_DECREF(self);
    return nullptr;
}

void noop_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    Py_XDECREF(cast(self)->enter);
    Py_XDECREF(cast(self)->exit);
    type->tp_free(self);
    Py_DECREF(type);
}

PyType_Slot noop_slots[] = {
    {Py_tp_doc, const_cast<char*>("For benchmarks: the cheapest possible context manager.")},
    {Py_tp_new, reinterpret_cast<void*>(noop_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(noop_dealloc)},
    {0, nullptr},
};

PyType_Spec noop_spec = {
    "inference_bench._native._NoopContext",        sizeof(NoopContext), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, noop_slots,
};

}  // namespace

bool add_noop_context(PyObject* module) {
    PyObject* const type = PyType_FromModuleAndSpec(module, &noop_spec, nullptr);
    if (type == nullptr) return false;
    auto* const to = reinterpret_cast<PyTypeObject*>(type);
    noop_type = to;
    const bool added =
        add_descriptor(module, to, "__enter__", "inference_bench._native._NoopEnter", get_enter, nullptr) &&
        add_descriptor(module, to, "__exit__", "inference_bench._native._NoopExit", get_exit, nullptr) &&
        PyModule_AddObjectRef(module, "_NoopContext", type) == 0;
    Py_DECREF(type);
    return added;
}

}  // namespace inference_bench::bindings

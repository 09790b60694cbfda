// `with span:` as cheap as the interpreter allows: __enter__ and __exit__ are descriptors that hand out callables which
// exist already, so no method is bound for a block.
//
// A closed span hands out its own exit callable and keeps the beginning itself. A span that is open already (recursion,
// another thread, another task, a suspended generator) hands out a SpanEntry from a free list, which keeps its own. The
// interpreter holds the exit callable on the value stack of the frame until the block ends, so each block gets back its
// own beginning, in whatever order blocks end.
#include "method.hpp"
#include "open_entries.hpp"
#include "private_api.hpp"
#include "span_entry.hpp"
#include "span_timing.hpp"

namespace inference_bench::bindings {

namespace {

PyTypeObject* span_type = nullptr;

Span* cast(PyObject* self) { return reinterpret_cast<Span*>(self); }
PyObject* object(void* self) { return static_cast<PyObject*>(self); }

// ---- the span's own callables

PyObject* enter_span(PyObject* self, PyObject*) {
    Span* const span = cast(self);
    if (__builtin_expect(!span->busy, 1)) {
        if (!enter(span, &span->entered)) return nullptr;
        span->busy = true;  // here and not in the look-up, which hasattr() does too
    } else if (span->handed_out != nullptr) {
        SpanEntry* const entry = span->handed_out;
        span->handed_out = nullptr;
        if (!enter(span, &entry->entered)) return nullptr;
        entry->open = true;
    } else if (!open_without_object(span)) {
        return nullptr;
    }
    Py_INCREF(self);
    return self;
}

PyObject* exit_span(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    Span* const span = cast(self);
    if (__builtin_expect(n != 3, 0)) return wrong_arguments("Span.__exit__()", n, "3 arguments");
    if (__builtin_expect(!span->busy, 0)) return close_without_object(span, args);
    leave(span, span->entered, 0, args);
    span->busy = false;
    Py_RETURN_NONE;
}

PyMethodDef enter_def = {"__enter__", enter_span, METH_NOARGS, "Begin; returns the span."};
PyMethodDef exit_def = {"__exit__", as_method(exit_span), METH_FASTCALL, "End, and record."};

// ---- the descriptors

// `type(span).__enter__(span)` and `type(span).__exit__(span, et, ev, tb)`: how ExitStack calls them.
PyObject* enter_of_type(PyObject*, PyObject* args, PyObject*) {
    PyObject* self = nullptr;
    if (PyArg_ParseTuple(args, "O!:__enter__", span_type, &self) == 0) return nullptr;
    if (!open_without_object(cast(self))) return nullptr;
    Py_INCREF(self);
    return self;
}

PyObject* exit_of_type(PyObject*, PyObject* args, PyObject*) {
    PyObject* self = nullptr;
    PyObject* exception[3];
    if (PyArg_ParseTuple(args, "O!OOO:__exit__", span_type, &self, &exception[0], &exception[1], &exception[2]) == 0)
        return nullptr;
    return close_without_object(cast(self), exception);
}

PyObject* get_enter(PyObject* self, PyObject* span, PyObject*) {
    if (__builtin_expect(span == nullptr || !is_span(span), 0)) return descriptor_alone(self, span, span_type);
    Py_INCREF(cast(span)->enter);
    return cast(span)->enter;
}

PyObject* get_exit(PyObject* self, PyObject* of, PyObject*) {
    if (__builtin_expect(of == nullptr || !is_span(of), 0)) return descriptor_alone(self, of, span_type);
    Span* const span = cast(of);
    if (__builtin_expect(!span->busy, 1)) {
        span->handed_out = nullptr;
        Py_INCREF(span->exit);
        return span->exit;
    }
    span->handed_out = make_entry(span, 0, /*for_reentry=*/true);
    return object(span->handed_out);
}

// ---- Span

PyObject* span_call(PyObject* self, PyObject* args, PyObject* kwargs) {
    PyObject* function = nullptr;
    if (kwargs != nullptr && PyDict_GET_SIZE(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "a span called as a decorator takes a function and no keyword arguments");
        return nullptr;
    }
    if (PyArg_ParseTuple(args, "O:Span", &function) == 0) return nullptr;
    return make_span_function(cast(self), function);
}

PyObject* span_name(PyObject* self, void*) {
    Py_INCREF(cast(self)->name);
    return cast(self)->name;
}

PyObject* span_repr(PyObject* self) { return PyUnicode_FromFormat("<Span %R>", cast(self)->name); }

// By its name: a span is one for each name in the other process too.
PyObject* span_reduce(PyObject* self, PyObject*) {
    PyObject* const module = PyImport_ImportModule("inference_bench._native");
    if (module == nullptr) return nullptr;
    PyObject* const find = PyObject_GetAttrString(module, "span");
    Py_DECREF(module);
    if (find == nullptr) return nullptr;
    return Py_BuildValue("N(O)", find, cast(self)->name);
}

// Never called but for a span that failed to be made.
void span_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    Py_XDECREF(cast(self)->enter);
    Py_XDECREF(cast(self)->exit);
    Py_XDECREF(cast(self)->name);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyMethodDef span_methods[] = {
    {"begin", as_method(span_begin_method), METH_FASTCALL, "begin(id=..., value=0): begin apart from a block."},
    {"end", as_method(span_end_method), METH_FASTCALL, "end(id=...): end what begin() began."},
    {"__reduce__", span_reduce, METH_NOARGS, "Pickled by name."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef span_getset[] = {
    {"name", span_name, nullptr, "What its records are called.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot span_slots[] = {
    {Py_tp_doc, const_cast<char*>("Times blocks, functions and coroutine functions; shared and re-entrant.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(span_dealloc)},
    {Py_tp_call, reinterpret_cast<void*>(span_call)},
    {Py_tp_repr, reinterpret_cast<void*>(span_repr)},
    {Py_tp_methods, span_methods},
    {Py_tp_getset, span_getset},
    {0, nullptr},
};

// No Py_TPFLAGS_BASETYPE: a subclass's own __enter__ would be called through descriptors that know nothing of it.
PyType_Spec span_spec = {
    "inference_bench._native.Span",
    sizeof(Span),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    span_slots,
};

}  // namespace

bool is_span(PyObject* object) { return Py_IS_TYPE(object, span_type); }

PyObject* make_span(PyObject* name, std::uint32_t name_id) {
    Span* const span = PyObject_New(Span, span_type);
    if (span == nullptr) return nullptr;
    span->name_id = name_id;
    span->busy = false;
    span->begun = false;
    span->entered = 0;
    span->begun_at = 0;
    span->handed_out = nullptr;
    span->open_entries = nullptr;
    Py_INCREF(name);
    span->name = name;
    span->exit = nullptr;
    span->enter = PyCFunction_New(&enter_def, object(span));
    if (span->enter != nullptr) span->exit = PyCFunction_New(&exit_def, object(span));
    if (span->exit != nullptr) return object(span);
    Py_XDECREF(span->enter);  // breaks the cycle
    return nullptr;
}

bool refuse_unless_finalizing(const Span* span) {
    // While the interpreter ends, __del__ methods run in no defined order.
    if (is_finalizing()) return true;
    PyErr_Format(PyExc_RuntimeError,
                 "span %R: the recorder was closed; start() another first, or stop() where code under spans goes on",
                 span->name);
    return false;
}

PyObject* descriptor_alone(PyObject* self, PyObject* of, PyTypeObject* type) {
    if (of == nullptr) {
        Py_INCREF(self);
        return self;
    }
    return PyErr_Format(PyExc_TypeError, "descriptor of '%.100s' objects doesn't apply to a '%.100s' object",
                        type->tp_name, Py_TYPE(of)->tp_name);
}

bool add_descriptor(PyObject* module, PyTypeObject* to, const char* name, const char* type_name, descrgetfunc get,
                    ternaryfunc call) {
    PyType_Slot slots[] = {
        {Py_tp_descr_get, reinterpret_cast<void*>(get)}, {Py_tp_call, reinterpret_cast<void*>(call)}, {0, nullptr}};
    PyType_Spec spec = {type_name, sizeof(PyObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
    PyObject* const type = PyType_FromModuleAndSpec(module, &spec, nullptr);
    if (type == nullptr) return false;
    PyObject* const descriptor = PyObject_New(PyObject, reinterpret_cast<PyTypeObject*>(type));
    Py_DECREF(type);  // its instance holds it
    if (descriptor == nullptr) return false;
    const bool added = PyDict_SetItemString(dict_of(to), name, descriptor) == 0;
    Py_DECREF(descriptor);
    PyType_Modified(to);
    return added;
}

bool add_span_type(PyObject* module) {
    span_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &span_spec, nullptr));
    if (span_type == nullptr) return false;
    return add_descriptor(module, span_type, "__enter__", "inference_bench._native._SpanEnter", get_enter,
                          enter_of_type) &&
           add_descriptor(module, span_type, "__exit__", "inference_bench._native._SpanExit", get_exit, exit_of_type) &&
           PyModule_AddObjectRef(module, "Span", object(span_type)) == 0;
}

}  // namespace inference_bench::bindings

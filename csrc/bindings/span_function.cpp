// A function or coroutine function under a span: called through the vectorcall protocol, so its arguments are passed on
// as they came and no Python frame comes between. All else that one may ask a function is asked of the wrapped one.
#include "span_timing.hpp"

namespace inference_bench::bindings {
namespace {

struct SpanFunction {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject* wrapped;
    PyObject* dict;
    PyObject* weak_references;
    Span* span;
};

PyTypeObject* function_type = nullptr;

SpanFunction* cast(PyObject* self) { return reinterpret_cast<SpanFunction*>(self); }

PyObject* call_function(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
    const SpanFunction* const function = cast(self);
    const std::uint32_t name_id = function->span->name_id;
    const std::uint64_t begin = span_ticks();
    if (begin == 0 && !may_enter(function->span)) return nullptr;
    PyObject* const result = PyObject_Vectorcall(function->wrapped, args, nargsf, kwnames);
    if (begin != 0) record_span(name_id, begin, ticks(), 0, result == nullptr);
    return result;
}

PyObject* call_coroutine_function(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
    Span* const span = cast(self)->span;
    if (!recording() && !may_enter(span)) return nullptr;
    PyObject* const coroutine = PyObject_Vectorcall(cast(self)->wrapped, args, nargsf, kwnames);
    return coroutine == nullptr || !recording() ? coroutine : make_span_coroutine(span, coroutine);
}

PyObject* get_bound(PyObject* self, PyObject* instance, PyObject*) {
    if (instance != nullptr && instance != Py_None) return PyMethod_New(self, instance);
    Py_INCREF(self);
    return self;
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* const own = PyObject_GenericGetAttr(self, name);
    if (own != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return own;
    PyErr_Clear();
    return PyObject_GetAttr(cast(self)->wrapped, name);
}

PyObject* function_repr(PyObject* self) {
    return PyUnicode_FromFormat("<%R in span %R>", cast(self)->wrapped, cast(self)->span->name);
}

// As functions are: by the name under which it is to be found.
PyObject* function_reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(self, "__qualname__"); }

int function_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(cast(self)->wrapped);
    Py_VISIT(cast(self)->dict);
    return 0;
}

int function_clear(PyObject* self) {
    Py_CLEAR(cast(self)->dict);
    return 0;  // not `wrapped`, which must be there to be called as long as anyone can; a cycle goes through the dict
}

void function_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (cast(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
    function_clear(self);
    Py_XDECREF(cast(self)->wrapped);
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef function_methods[] = {
    {"__reduce__", function_reduce, METH_NOARGS, "Pickled by name."},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef function_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(SpanFunction, wrapped), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(SpanFunction, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(SpanFunction, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(SpanFunction, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef function_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot function_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(function_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(function_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(function_clear)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(get_bound)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_setattro, reinterpret_cast<void*>(PyObject_GenericSetAttr)},
    {Py_tp_repr, reinterpret_cast<void*>(function_repr)},
    {Py_tp_methods, function_methods},
    {Py_tp_members, function_members},
    {Py_tp_getset, function_getset},
    {0, nullptr},
};

PyType_Spec function_spec = {
    "inference_bench._native.SpanFunction",
    sizeof(SpanFunction),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
        Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    function_slots,
};

// What inspect says of a function: 1 or 0; -1 with an exception set.
int inspect_says(const char* question, PyObject* function) {
    PyObject* const inspect = PyImport_ImportModule("inspect");
    if (inspect == nullptr) return -1;
    PyObject* const answer = PyObject_CallMethod(inspect, question, "O", function);
    Py_DECREF(inspect);
    if (answer == nullptr) return -1;
    const int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return truth;
}

bool refuse(PyObject* function) {
    if (PyType_Check(function) || PyCallable_Check(function) == 0) {
        PyErr_Format(PyExc_TypeError, "a span decorates functions; given %R", function);
        return true;
    }
    if (Py_IS_TYPE(function, &PyStaticMethod_Type) || Py_IS_TYPE(function, &PyClassMethod_Type)) {
        PyErr_Format(PyExc_TypeError, "a span decorates the function itself: put it below @%s",
                     Py_TYPE(function)->tp_name);
        return true;
    }
    for (const char* const question : {"isgeneratorfunction", "isasyncgenfunction"}) {
        const int answer = inspect_says(question, function);
        if (answer == 0) continue;
        if (answer > 0) {
            PyErr_Format(PyExc_TypeError,
                         "a span around a generator function would end before its body runs; put a with statement into "
                         "%R instead",
                         function);
        }
        return true;
    }
    return false;
}

// The two that a type's own dict would answer for: update_wrapper's list, less what get_attribute() finds by itself.
bool copy_attributes(PyObject* from, PyObject* dict) {
    for (const char* const name : {"__module__", "__doc__"}) {
        PyObject* const value = PyObject_GetAttrString(from, name);
        if (value == nullptr) {
            if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return false;
            PyErr_Clear();
            continue;
        }
        const int status = PyDict_SetItemString(dict, name, value);
        Py_DECREF(value);
        if (status < 0) return false;
    }
    return true;
}

}  // namespace

PyObject* make_span_function(Span* span, PyObject* function) {
    if (refuse(function)) return nullptr;
    const int is_coroutine_function = inspect_says("iscoroutinefunction", function);
    if (is_coroutine_function < 0) return nullptr;
    PyObject* const self = function_type->tp_alloc(function_type, 0);
    if (self == nullptr) return nullptr;
    cast(self)->vectorcall = is_coroutine_function > 0 ? call_coroutine_function : call_function;
    Py_INCREF(function);
    cast(self)->wrapped = function;
    cast(self)->span = span;
    cast(self)->dict = PyDict_New();
    if (cast(self)->dict != nullptr && copy_attributes(function, cast(self)->dict)) return self;
    Py_DECREF(self);
    return nullptr;
}

bool add_span_function_type(PyObject* module) {
    function_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &function_spec, nullptr));
    return function_type != nullptr;
}

}  // namespace inference_bench::bindings

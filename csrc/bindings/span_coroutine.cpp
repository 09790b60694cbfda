// A coroutine under a span, from its first step to its end. asyncio drives it as it would the wrapped one.
#include "method.hpp"
#include "pickling.hpp"
#include "private_api.hpp"
#include "span_timing.hpp"

namespace inference_bench::bindings {
namespace {

struct SpanCoroutine {
    PyObject_HEAD PyObject* wrapped;
    Span* span;
    SpanCoroutine* next_free;
    std::uint64_t begin;  // ticks; 0 if no recorder ran
    bool started;
    bool ended;
};

PyTypeObject* coroutine_type = nullptr;

SpanCoroutine* free_coroutines = nullptr;
int free_coroutine_count = 0;
constexpr int kMaxFreeCoroutines = 256;

SpanCoroutine* cast(PyObject* self) { return reinterpret_cast<SpanCoroutine*>(self); }

// False with an exception set if the span must not be entered.
bool start(SpanCoroutine* c) {
    if (c->started) return true;
    c->begin = span_ticks();
    c->started = c->begin != 0 || may_enter(c->span);
    return c->started;
}

void end(SpanCoroutine* c, bool raised) {
    if (c->begin != 0) record_span(c->span->name_id, c->begin, ticks(), 0, raised);
    c->begin = 0;
    c->ended = true;
}

PySendResult step(PyObject* self, PyObject* sent, PyObject** result) {
    SpanCoroutine* const c = cast(self);
    if (!start(c)) {
        *result = nullptr;
        return PYGEN_ERROR;
    }
    const PySendResult status = PyIter_Send(c->wrapped, sent, result);
    if (status != PYGEN_NEXT && !c->ended) end(c, status == PYGEN_ERROR);
    return status;
}

PyObject* stop_with(PyObject* value) {  // steals it
    // Not PyErr_SetObject(StopIteration, value), which would take a tuple for its arguments.
    PyObject* const stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (stop == nullptr) return nullptr;
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
    return nullptr;
}

PyObject* next(PyObject* self) {
    PyObject* result = nullptr;
    const PySendResult status = step(self, Py_None, &result);
    if (status == PYGEN_NEXT || status == PYGEN_ERROR) return result;
    if (result != Py_None) return stop_with(result);
    Py_DECREF(result);
    return nullptr;  // without an exception: done, and None
}

PyObject* send(PyObject* self, PyObject* sent) {
    PyObject* result = nullptr;
    return step(self, sent, &result) == PYGEN_RETURN ? stop_with(result) : result;
}

PyObject* throw_into(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    SpanCoroutine* const c = cast(self);
    PyObject* const method = PyObject_GetAttrString(c->wrapped, "throw");
    if (method == nullptr) return nullptr;
    c->started = true;  // without a first step there is nothing to time
    PyObject* const result = PyObject_Vectorcall(method, args, static_cast<std::size_t>(n), nullptr);
    Py_DECREF(method);
    if (result == nullptr && !c->ended) end(c, PyErr_ExceptionMatches(PyExc_StopIteration) == 0);
    return result;
}

PyObject* close(PyObject* self, PyObject*) {
    SpanCoroutine* const c = cast(self);
    PyObject* const result = PyObject_CallMethod(c->wrapped, "close", nullptr);
    if (result == nullptr) return nullptr;
    c->started = true;
    if (!c->ended) end(c, /*raised=*/true);  // GeneratorExit
    return result;
}

PyObject* await(PyObject* self) {
    // The interpreter refuses this for its own coroutines only.
    if (cast(self)->started && !cast(self)->ended) {
        PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited already");
        return nullptr;
    }
    Py_INCREF(self);
    return self;
}

PyObject* await_method(PyObject* self, PyObject*) { return await(self); }

// cr_frame and the like, __name__ and __qualname__.
PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* const own = PyObject_GenericGetAttr(self, name);
    if (own != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return own;
    PyErr_Clear();
    return PyObject_GetAttr(cast(self)->wrapped, name);
}

PyObject* coroutine_repr(PyObject* self) {
    return PyUnicode_FromFormat("<%R in span %R>", cast(self)->wrapped, cast(self)->span->name);
}

int coroutine_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(cast(self)->wrapped);
    return 0;
}

void coroutine_dealloc(PyObject* self) {
    SpanCoroutine* const c = cast(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(c->wrapped);  // closes it, if it was suspended
    if (c->started && !c->ended) end(c, /*raised=*/true);
    if (free_coroutine_count < kMaxFreeCoroutines) {
        c->next_free = free_coroutines;
        free_coroutines = c;
        ++free_coroutine_count;
        return;
    }
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyMethodDef coroutine_methods[] = {
    {"send", send, METH_O, "As of a coroutine."},
    {"throw", as_method(throw_into), METH_FASTCALL, "As of a coroutine."},
    {"close", close, METH_NOARGS, "As of a coroutine."},
    {"__await__", await_method, METH_NOARGS, "As of a coroutine."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot coroutine_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(coroutine_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(coroutine_traverse)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_repr, reinterpret_cast<void*>(coroutine_repr)},
    {Py_tp_iternext, reinterpret_cast<void*>(next)},
    {Py_am_await, reinterpret_cast<void*>(await)},
    {Py_am_send, reinterpret_cast<void*>(step)},
    {Py_tp_methods, coroutine_methods},
    {0, nullptr},
};

PyType_Spec coroutine_spec = {
    "inference_bench._native.SpanCoroutine",
    sizeof(SpanCoroutine),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    coroutine_slots,
};

}  // namespace

PyObject* make_span_coroutine(Span* span, PyObject* coroutine) {
    SpanCoroutine* self = free_coroutines;
    if (self != nullptr) {
        free_coroutines = self->next_free;
        --free_coroutine_count;
        revive(reinterpret_cast<PyObject*>(self));
    } else {
        self = PyObject_GC_New(SpanCoroutine, coroutine_type);
        if (self == nullptr) {
            Py_DECREF(coroutine);
            return nullptr;
        }
    }
    self->wrapped = coroutine;
    self->span = span;
    self->begin = 0;
    self->started = false;
    self->ended = false;
    PyObject_GC_Track(reinterpret_cast<PyObject*>(self));
    return reinterpret_cast<PyObject*>(self);
}

bool add_span_coroutine_type(PyObject* module) {
    coroutine_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &coroutine_spec, nullptr));
    return coroutine_type != nullptr && refuse_pickling(coroutine_type);
}

}  // namespace inference_bench::bindings

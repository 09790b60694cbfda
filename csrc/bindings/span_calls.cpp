// Spans, instants and counters by name: `span("decode")`, `begin("decode")`, `mark("first token")`, `counter("queue",
// 7)`.
#include <new>
#include <stdexcept>
#include <string_view>

#include "method.hpp"
#include "name_table.hpp"
#include "number.hpp"
#include "span_timing.hpp"

namespace inference_bench::bindings {

namespace {

PyObject* spans_by_name = nullptr;  // dict of str to Span

// A name in a program is nearly always one str object, so its address finds the span faster than its hash. An entry
// owns its key: another str cannot come to lie at that address.
struct Remembered {
    PyObject* name;
    Span* span;
};
constexpr std::size_t kRemembered = 512;
Remembered remembered[kRemembered];

Remembered& place(PyObject* name) {
    const auto address = reinterpret_cast<std::uintptr_t>(name);
    return remembered[(address >> 4 ^ address >> 13) % kRemembered];
}

Span* make_named_span(PyObject* name) {
    Py_ssize_t length = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == nullptr) return nullptr;
    if (length == 0) {
        PyErr_SetString(PyExc_ValueError, "a span's name must not be empty");
        return nullptr;
    }
    std::uint32_t id = 0;
    try {
        id = intern_name({text, static_cast<std::size_t>(length)});
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
        return nullptr;
    } catch (const std::length_error& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
        return nullptr;
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
        return nullptr;
    }
    PyObject* const span = make_span(name, id);
    if (span == nullptr || PyDict_SetItem(spans_by_name, name, span) < 0) return nullptr;
    return reinterpret_cast<Span*>(span);
}

Span* look_up(PyObject* name) {
    if (!PyUnicode_CheckExact(name)) {
        PyErr_Format(PyExc_TypeError, "a span's name must be a str; given %.100s", Py_TYPE(name)->tp_name);
        return nullptr;
    }
    auto* span = reinterpret_cast<Span*>(PyDict_GetItemWithError(spans_by_name, name));
    if (span == nullptr && PyErr_Occurred() == nullptr) span = make_named_span(name);
    if (span == nullptr) return nullptr;
    Remembered& entry = place(name);
    Py_INCREF(name);
    Py_XSETREF(entry.name, name);
    entry.span = span;
    return span;
}

inline Span* find(PyObject* name) {
    const Remembered& entry = place(name);
    return __builtin_expect(entry.name == name, 1) ? entry.span : look_up(name);
}

PyObject* wrong_count(const char* what, Py_ssize_t given) {
    return PyErr_Format(PyExc_TypeError, "%s; given %zd argument(s)", what, given);
}

PyObject* py_span(PyObject*, PyObject* const* args, Py_ssize_t n) {
    if (__builtin_expect(n != 1 && n != 2, 0)) return wrong_count("span() takes a name and a value at most", n);
    Span* const span = find(args[0]);
    if (span == nullptr) return nullptr;
    if (n == 1) {
        Py_INCREF(span);
        return reinterpret_cast<PyObject*>(span);
    }
    std::int64_t value = 0;
    return decode_value(args[1], &value) ? make_span_entry(span, value) : nullptr;
}

PyObject* py_begin(PyObject*, PyObject* const* args, Py_ssize_t n) {
    if (n == 0) return wrong_count("begin() takes a name, and an id and a value at most", n);
    Span* const span = find(args[0]);
    return span == nullptr ? nullptr : span_begin(span, args + 1, n - 1);
}

PyObject* py_end(PyObject*, PyObject* const* args, Py_ssize_t n) {
    if (n == 0) return wrong_count("end() takes a name, and an id at most", n);
    Span* const span = find(args[0]);
    return span == nullptr ? nullptr : span_end(span, args + 1, n - 1);
}

PyObject* py_mark(PyObject*, PyObject* const* args, Py_ssize_t n) {
    if (n != 1 && n != 2) return wrong_count("mark() takes a name and a value at most", n);
    std::int64_t value = 0;
    const Span* const span = find(args[0]);
    if (span == nullptr || (n == 2 && !decode_value(args[1], &value))) return nullptr;
    if (!recording() && !may_enter(span)) return nullptr;
    record_moment(SpanKind::Instant, span->name_id, 0, value);
    Py_RETURN_NONE;
}

PyObject* py_counter(PyObject*, PyObject* const* args, Py_ssize_t n) {
    if (n != 2) return wrong_count("counter() takes a name and a value", n);
    std::int64_t value = 0;
    const Span* const span = find(args[0]);
    if (span == nullptr || !decode_value(args[1], &value)) return nullptr;
    if (!recording() && !may_enter(span)) return nullptr;
    record_moment(SpanKind::Counter, span->name_id, 0, value);
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"span", as_method(py_span), METH_FASTCALL,
     "span(name) or span(name, value): for a with statement, or to decorate."},
    {"begin", as_method(py_begin), METH_FASTCALL, "begin(name, id=..., value=0)"},
    {"end", as_method(py_end), METH_FASTCALL, "end(name, id=...)"},
    {"mark", as_method(py_mark), METH_FASTCALL, "mark(name, value=0): an instant."},
    {"counter", as_method(py_counter), METH_FASTCALL, "counter(name, value): a counter's new reading."},
    {nullptr, nullptr, 0, nullptr},
};

// ---- Mark: an instant whose name was looked up once

struct Mark {
    PyObject_HEAD vectorcallfunc vectorcall;
    Span* span;
};

PyObject* mark_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (n > 1 || kwnames != nullptr) return wrong_count("a mark takes a value at most", n);
    std::int64_t value = 0;
    if (n == 1 && !decode_value(args[0], &value)) return nullptr;
    const Span* const span = reinterpret_cast<Mark*>(self)->span;
    if (!recording() && !may_enter(span)) return nullptr;
    record_moment(SpanKind::Instant, span->name_id, 0, value);
    Py_RETURN_NONE;
}

PyObject* mark_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    PyObject* name = nullptr;
    const char* names[] = {"name", nullptr};
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O:Mark", const_cast<char**>(names), &name) == 0) return nullptr;
    Span* const span = look_up(name);
    if (span == nullptr) return nullptr;
    Mark* const mark = PyObject_New(Mark, type);
    if (mark == nullptr) return nullptr;
    mark->vectorcall = mark_call;
    mark->span = span;
    return reinterpret_cast<PyObject*>(mark);
}

void mark_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject* mark_name(PyObject* self, void*) {
    PyObject* const name = reinterpret_cast<Mark*>(self)->span->name;
    Py_INCREF(name);
    return name;
}

PyMemberDef mark_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Mark, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef mark_getset[] = {
    {"name", mark_name, nullptr, "What its records are called.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot mark_slots[] = {
    {Py_tp_doc, const_cast<char*>("An instant: call it, with a value if there is one.")},
    {Py_tp_new, reinterpret_cast<void*>(mark_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(mark_dealloc)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_members, mark_members},
    {Py_tp_getset, mark_getset},
    {0, nullptr},
};

PyType_Spec mark_spec = {
    "inference_bench._native.Mark",
    sizeof(Mark),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    mark_slots,
};

// ---- numbers

bool out_of_range(const char* what, const char* allowed, PyObject* given) {
    if (PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_OverflowError) == 0) return false;
    PyErr_Clear();
    PyErr_Format(PyExc_OverflowError, "%s must be from %s; given %R", what, allowed, given);
    return false;
}

// A new reference; null with an exception set.
PyObject* as_int(const char* what, PyObject* object) {
    PyObject* const number = PyNumber_Index(object);
    if (number == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
        PyErr_Format(PyExc_TypeError, "%s must be an int; given %R", what, object);
    }
    return number;
}

}  // namespace

Span* find_span(PyObject* name) { return find(name); }

bool decode_value(PyObject* object, std::int64_t* out) {
    *out = small_int(object);
    if (*out >= 0) return true;
    PyObject* const number = as_int("a value", object);
    if (number == nullptr) return false;
    int overflow = 0;
    *out = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow != 0) out_of_range("a value", "-2**63 to 2**63 - 1", number);
    Py_DECREF(number);
    return PyErr_Occurred() == nullptr;
}

bool decode_id(PyObject* object, std::uint64_t* out) {
    const std::int64_t small = small_int(object);
    if (small >= 0) {
        *out = static_cast<std::uint64_t>(small);
        return true;
    }
    PyObject* const number = as_int("an id", object);
    if (number == nullptr) return false;
    *out = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() != nullptr) out_of_range("an id", "0 to 2**64 - 1", number);
    Py_DECREF(number);
    return PyErr_Occurred() == nullptr;
}

bool add_span_calls(PyObject* module) {
    spans_by_name = PyDict_New();
    if (spans_by_name == nullptr || PyModule_AddFunctions(module, functions) < 0) return false;
    PyObject* const mark = PyType_FromModuleAndSpec(module, &mark_spec, nullptr);
    if (mark == nullptr) return false;
    const bool added = PyModule_AddObjectRef(module, "Mark", mark) == 0;
    Py_DECREF(mark);
    return added;
}

}  // namespace inference_bench::bindings

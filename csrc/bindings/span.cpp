// `with span:` as cheap as the interpreter allows: __enter__ and __exit__ are descriptors that hand out callables which
// exist already, so no method is bound for a block.
//
// A closed span hands out its own exit callable and keeps the beginning itself. A span that is open already (recursion,
// another thread, another task, a suspended generator) hands out a SpanEntry from a free list, which keeps its own. The
// interpreter holds the exit callable on the value stack of the frame until the block ends, so each block gets back its
// own beginning, in whatever order blocks end.
#include "span_producer.hpp"
#include "spans.hpp"

namespace inference_bench::bindings {

// ---- SpanEntry: one entry into a span. Called with no arguments it enters, called with three it leaves.

struct SpanEntry {
    PyObject_HEAD vectorcallfunc vectorcall;
    Span* span;  // spans live for ever, so it is not counted
    SpanEntry* next_free;
    std::uint64_t entered;  // ticks
    std::int64_t value;
    bool open;
    bool for_reentry;  // handed out by a busy span, whose __enter__ enters it
};

// An entry by a bare __enter__() or through ExitStack: neither gives us an object of its own to keep the beginning in,
// so the leaving finds it by the task (which has a context of its own) or thread.
struct OpenEntry {
    OpenEntry* next;
    std::uint64_t entered;
    const void* thread;
    const void* context;
};

namespace {

PyTypeObject* span_type = nullptr;
PyTypeObject* entry_type = nullptr;

Span* cast(PyObject* self) { return reinterpret_cast<Span*>(self); }
SpanEntry* cast_entry(PyObject* self) { return reinterpret_cast<SpanEntry*>(self); }
PyObject* object(void* self) { return static_cast<PyObject*>(self); }

void leave(const Span* span, std::uint64_t entered, std::int64_t value, PyObject* const* args) {
    if (entered == 0) return;
    const std::uint64_t now = ticks();
    record_span(span->name_id, entered, now, value, args[0] != Py_None);
}

// The beginning of an entry. False with an exception set where the span may not be entered.
inline bool enter(const Span* span, std::uint64_t* entered) {
    *entered = span_ticks();
    return __builtin_expect(*entered != 0, 1) || may_enter(span);
}

PyObject* wrong_arguments(const char* what, Py_ssize_t given, const char* allowed) {
    return PyErr_Format(PyExc_TypeError, "%s takes %s; given %zd argument(s)", what, allowed, given);
}

bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

// ---- entries without an object of their own

bool open_without_object(Span* span) {
    std::uint64_t entered = 0;
    if (!enter(span, &entered)) return false;
    auto* const entry = static_cast<OpenEntry*>(PyMem_Malloc(sizeof(OpenEntry)));
    if (entry == nullptr) return PyErr_NoMemory(), false;
    PyThreadState* const thread = PyThreadState_Get();
    *entry = {span->open_entries, entered, thread, thread->context};
    span->open_entries = entry;
    return true;
}

PyObject* close_without_object(Span* span, PyObject* const* args) {
    PyThreadState* const thread = PyThreadState_Get();
    OpenEntry** found = nullptr;
    for (OpenEntry** at = &span->open_entries; *at != nullptr && found == nullptr; at = &(*at)->next) {
        if ((*at)->thread == thread && (*at)->context == thread->context) found = at;
    }
    if (found == nullptr && span->busy) {
        leave(span, span->entered, 0, args);
        span->busy = false;
        Py_RETURN_NONE;
    }
    if (found == nullptr) found = &span->open_entries;
    OpenEntry* const entry = *found;
    if (entry == nullptr) {
        return PyErr_Format(PyExc_RuntimeError, "span %R is not open: __exit__ without __enter__", span->name);
    }
    leave(span, entry->entered, 0, args);
    *found = entry->next;
    PyMem_Free(entry);
    Py_RETURN_NONE;
}

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
PyMethodDef exit_def = {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(exit_span)),
                        METH_FASTCALL, "End, and record."};

// ---- SpanEntry

SpanEntry* free_entries = nullptr;
int free_entry_count = 0;
constexpr int kMaxFreeEntries = 256;

PyObject* entry_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
    SpanEntry* const entry = cast_entry(self);
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (kwnames != nullptr && PyTuple_GET_SIZE(kwnames) > 0) {
        PyErr_SetString(PyExc_TypeError, "an entry into a span takes no keyword arguments");
        return nullptr;
    }
    if (n == 3) {
        if (entry->open) {
            leave(entry->span, entry->entered, entry->value, args);
            entry->open = false;
            Py_RETURN_NONE;
        }
        if (entry->for_reentry) return close_without_object(entry->span, args);
        return PyErr_Format(PyExc_RuntimeError, "this entry into span %R is not open: __exit__ without __enter__",
                            entry->span->name);
    }
    if (n != 0) return wrong_arguments("an entry into a span", n, "0 arguments to enter, 3 to leave");
    if (entry->open) {
        return PyErr_Format(PyExc_RuntimeError,
                            "this entry into span %R is open already; call span(name, value) for each block",
                            entry->span->name);
    }
    if (!enter(entry->span, &entry->entered)) return nullptr;
    entry->open = true;
    Py_INCREF(self);
    return self;
}

SpanEntry* make_entry(Span* span, std::int64_t value, bool for_reentry) {
    SpanEntry* entry = free_entries;
    if (entry != nullptr) {
        free_entries = entry->next_free;
        --free_entry_count;
        _Py_NewReference(object(entry));
    } else {
        entry = PyObject_New(SpanEntry, entry_type);
        if (entry == nullptr) return nullptr;
        entry->vectorcall = entry_call;
    }
    entry->span = span;
    entry->entered = 0;
    entry->value = value;
    entry->open = false;
    entry->for_reentry = for_reentry;
    return entry;
}

void entry_dealloc(PyObject* self) {
    SpanEntry* const entry = cast_entry(self);
    if (entry->span->handed_out == entry) entry->span->handed_out = nullptr;
    if (free_entry_count < kMaxFreeEntries) {
        entry->next_free = free_entries;
        free_entries = entry;
        ++free_entry_count;
        return;
    }
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject* entry_repr(PyObject* self) {
    const SpanEntry* const entry = cast_entry(self);
    return PyUnicode_FromFormat("<SpanEntry %R value=%lld>", entry->span->name, static_cast<long long>(entry->value));
}

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

PyObject* entry_of_type(PyObject*, PyObject* args, PyObject* kwargs) {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject* const* const items = reinterpret_cast<PyTupleObject*>(args)->ob_item;
    if (n == 0 || !Py_IS_TYPE(items[0], entry_type) || kwargs != nullptr) {
        PyErr_SetString(PyExc_TypeError, "__enter__ and __exit__ of SpanEntry need an entry to work on");
        return nullptr;
    }
    return entry_call(items[0], items + 1, static_cast<std::size_t>(n - 1), nullptr);
}

PyObject* get_enter(PyObject* self, PyObject* span, PyObject*) {
    PyObject* const found = span == nullptr ? self : cast(span)->enter;
    Py_INCREF(found);
    return found;
}

PyObject* get_exit(PyObject* self, PyObject* of, PyObject*) {
    if (of == nullptr) {
        Py_INCREF(self);
        return self;
    }
    Span* const span = cast(of);
    if (__builtin_expect(!span->busy, 1)) {
        span->handed_out = nullptr;
        Py_INCREF(span->exit);
        return span->exit;
    }
    return object(span->handed_out = make_entry(span, 0, /*for_reentry=*/true));
}

PyObject* get_entry(PyObject* self, PyObject* entry, PyObject*) {
    PyObject* const found = entry == nullptr ? self : entry;
    Py_INCREF(found);
    return found;
}

// ---- Span

PyObject* span_begin_method(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    return span_begin(cast(self), args, n);
}

PyObject* span_end_method(PyObject* self, PyObject* const* args, Py_ssize_t n) { return span_end(cast(self), args, n); }

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

template <typename Function>
PyCFunction fastcall(Function* function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef span_methods[] = {
    {"begin", fastcall(span_begin_method), METH_FASTCALL, "begin(id=..., value=0): begin apart from a block."},
    {"end", fastcall(span_end_method), METH_FASTCALL, "end(id=...): end what begin() began."},
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

PyMemberDef entry_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(SpanEntry, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot entry_slots[] = {
    {Py_tp_doc, const_cast<char*>("One entry into a span, for one block at a time.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(entry_dealloc)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_repr, reinterpret_cast<void*>(entry_repr)},
    {Py_tp_members, entry_members},
    {0, nullptr},
};

PyType_Spec entry_spec = {
    "inference_bench._native.SpanEntry",
    sizeof(SpanEntry),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    entry_slots,
};

}  // namespace

bool is_span(PyObject* object) { return Py_IS_TYPE(object, span_type); }

PyObject* make_span(PyObject* name, std::uint32_t name_id) {
    Span* const span = PyObject_New(Span, span_type);
    if (span == nullptr) return nullptr;
    span->name_id = name_id;
    span->busy = span->begun = false;
    span->entered = span->begun_at = 0;
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

PyObject* make_span_entry(Span* span, std::int64_t value) { return object(make_entry(span, value, false)); }

PyObject* span_begin(Span* span, PyObject* const* args, Py_ssize_t n) {
    if (n == 0) {
        if (__builtin_expect(span->begun, 0)) {
            return PyErr_Format(PyExc_RuntimeError,
                                "span %R has begun already, and without ids its ends could not be told apart; use "
                                "begin(id) and end(id), or a with statement",
                                span->name);
        }
        if (!enter(span, &span->begun_at)) return nullptr;
        span->begun = true;
        Py_RETURN_NONE;
    }
    std::uint64_t id = 0;
    std::int64_t value = 0;
    if (n > 2) return wrong_arguments("begin()", n, "an id and a value at most");
    if (!decode_id(args[0], &id) || (n == 2 && !decode_value(args[1], &value))) return nullptr;
    if (!recording() && !may_enter(span)) return nullptr;
    record_moment(SpanKind::Begin, span->name_id, id, value);
    Py_RETURN_NONE;
}

PyObject* span_end(Span* span, PyObject* const* args, Py_ssize_t n) {
    if (n == 0) {
        const std::uint64_t begun_at = span->begun_at;
        if (__builtin_expect(begun_at != 0, 1)) {
            record_span(span->name_id, begun_at, ticks(), 0, false);
        } else if (!span->begun) {
            return PyErr_Format(PyExc_RuntimeError, "span %R has not begun: end() without begin()", span->name);
        }
        span->begun_at = 0;
        span->begun = false;
        Py_RETURN_NONE;
    }
    std::uint64_t id = 0;
    if (n > 1) return wrong_arguments("end()", n, "an id at most");
    if (!decode_id(args[0], &id)) return nullptr;
    record_moment(SpanKind::End, span->name_id, id, 0);
    Py_RETURN_NONE;
}

bool may_enter(const Span* span) {
    // While the interpreter ends, __del__ methods run in an order that nobody chose.
    if (!last_recorder_closed() || is_finalizing()) return true;
    PyErr_Format(PyExc_RuntimeError,
                 "span %R: the recorder was closed; start() another first, or stop() where code under spans goes on",
                 span->name);
    return false;
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
    const bool added = PyDict_SetItemString(to->tp_dict, name, descriptor) == 0;
    Py_DECREF(descriptor);
    PyType_Modified(to);
    return added;
}

bool add_span_types(PyObject* module) {
    span_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &span_spec, nullptr));
    if (span_type == nullptr) return false;
    entry_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &entry_spec, nullptr));
    if (entry_type == nullptr) return false;
    return add_descriptor(module, span_type, "__enter__", "inference_bench._native._SpanEnter", get_enter,
                          enter_of_type) &&
           add_descriptor(module, span_type, "__exit__", "inference_bench._native._SpanExit", get_exit, exit_of_type) &&
           add_descriptor(module, entry_type, "__enter__", "inference_bench._native._EntryEnter", get_entry,
                          entry_of_type) &&
           add_descriptor(module, entry_type, "__exit__", "inference_bench._native._EntryExit", get_entry,
                          entry_of_type) &&
           PyModule_AddObjectRef(module, "Span", object(span_type)) == 0 &&
           PyModule_AddObjectRef(module, "SpanEntry", object(entry_type)) == 0;
}

}  // namespace inference_bench::bindings

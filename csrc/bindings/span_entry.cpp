#include "span_entry.hpp"

#include "open_entries.hpp"
#include "span_timing.hpp"

namespace inference_bench::bindings {

PyTypeObject* entry_type = nullptr;
FreeEntries free_entries{};

namespace {

SpanEntry* cast_entry(PyObject* self) { return reinterpret_cast<SpanEntry*>(self); }
PyObject* object(void* self) { return static_cast<PyObject*>(self); }

// Not inlined: entry_call() would save its registers also where it enters.
__attribute__((noinline)) void record_entry(const SpanEntry* entry, PyObject* const* args) {
    leave(entry->span, entry->entered, entry->value, args);
}

void entry_dealloc(PyObject* self) {
    SpanEntry* const entry = cast_entry(self);
    if (entry->span->handed_out == entry) entry->span->handed_out = nullptr;
    if (free_entries.count < FreeEntries::kMost) {
        entry->next_free = free_entries.first;
        free_entries.first = entry;
        ++free_entries.count;
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

PyObject* entry_of_type(PyObject*, PyObject* args, PyObject* kwargs) {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    PyObject* const* const items = reinterpret_cast<PyTupleObject*>(args)->ob_item;
    if (n == 0 || !Py_IS_TYPE(items[0], entry_type) || kwargs != nullptr) {
        PyErr_SetString(PyExc_TypeError, "__enter__ and __exit__ of SpanEntry need an entry to work on");
        return nullptr;
    }
    return entry_call(items[0], items + 1, static_cast<std::size_t>(n - 1), nullptr);
}

PyObject* get_entry(PyObject* self, PyObject* entry, PyObject*) {
    if (__builtin_expect(entry == nullptr || !Py_IS_TYPE(entry, entry_type), 0)) {
        return descriptor_alone(self, entry, entry_type);
    }
    Py_INCREF(entry);
    return entry;
}

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

PyObject* entry_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
    SpanEntry* const entry = cast_entry(self);
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (kwnames != nullptr && PyTuple_GET_SIZE(kwnames) > 0) {
        PyErr_SetString(PyExc_TypeError, "an entry into a span takes no keyword arguments");
        return nullptr;
    }
    if (n == 3) {
        if (entry->open) {
            if (entry->entered != 0) record_entry(entry, args);
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

PyObject* make_span_entry(Span* span, std::int64_t value) {
    return object(make_entry(span, value, /*for_reentry=*/false));
}

bool add_span_entry_type(PyObject* module) {
    entry_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &entry_spec, nullptr));
    return entry_type != nullptr &&
           add_descriptor(module, entry_type, "__enter__", "inference_bench._native._EntryEnter", get_entry,
                          entry_of_type) &&
           add_descriptor(module, entry_type, "__exit__", "inference_bench._native._EntryExit", get_entry,
                          entry_of_type) &&
           PyModule_AddObjectRef(module, "SpanEntry", object(entry_type)) == 0;
}

}  // namespace inference_bench::bindings

#include "open_entries.hpp"

#include "private_api.hpp"
#include "span_timing.hpp"

namespace inference_bench::bindings {

bool open_without_object(Span* span) {
    std::uint64_t entered = 0;
    if (!enter(span, &entered)) return false;
    auto* const entry = static_cast<OpenEntry*>(PyMem_Malloc(sizeof(OpenEntry)));
    if (entry == nullptr) {
        PyErr_NoMemory();
        return false;
    }
    PyThreadState* const thread = PyThreadState_Get();
    *entry = {span->open_entries, entered, thread, current_context(thread)};
    span->open_entries = entry;
    return true;
}

PyObject* close_without_object(Span* span, PyObject* const* args) {
    PyThreadState* const thread = PyThreadState_Get();
    OpenEntry** found = nullptr;
    for (OpenEntry** at = &span->open_entries; *at != nullptr && found == nullptr; at = &(*at)->next) {
        if ((*at)->thread == thread && (*at)->context == current_context(thread)) found = at;
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

}  // namespace inference_bench::bindings

// One entry into a span. Called with no arguments it enters, called with three it leaves.
#pragma once

#include "private_api.hpp"
#include "spans.hpp"

namespace inference_bench::bindings {

struct SpanEntry {
    PyObject_HEAD vectorcallfunc vectorcall;
    Span* span;  // spans live for ever, so it is not counted
    SpanEntry* next_free;
    std::uint64_t entered;  // ticks
    std::int64_t value;
    bool open;
    bool for_reentry;  // handed out by a busy span, whose __enter__ enters it
};

// Entries that were let go, to be used again.
struct FreeEntries {
    static constexpr int kMost = 256;
    SpanEntry* first;
    int count;
};

// Marked hidden here as well, or reading them would take one more load through the global offset table.
extern PyTypeObject* entry_type __attribute__((visibility("hidden")));
extern FreeEntries free_entries __attribute__((visibility("hidden")));

PyObject* entry_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames);

// Null with an exception set if there is no memory.
inline SpanEntry* make_entry(Span* span, std::int64_t value, bool for_reentry) {
    SpanEntry* entry = free_entries.first;
    if (entry != nullptr) {
        free_entries.first = entry->next_free;
        --free_entries.count;
        revive(reinterpret_cast<PyObject*>(entry));
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

}  // namespace inference_bench::bindings

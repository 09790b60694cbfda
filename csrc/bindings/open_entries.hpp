// Entries into a span by a bare __enter__() or through ExitStack: neither has an object of its own to keep the
// beginning in, so leaving finds it by the task (which has a context of its own) or thread.
#pragma once

#include "spans.hpp"

namespace inference_bench::bindings {

struct OpenEntry {
    OpenEntry* next;
    std::uint64_t entered;
    const void* thread;
    const void* context;
};

// False with an exception set if the span must not be entered.
bool open_without_object(Span* span);
// None, or null with an exception set if the span is not open. `args` are those of __exit__.
PyObject* close_without_object(Span* span, PyObject* const* args);

}  // namespace inference_bench::bindings

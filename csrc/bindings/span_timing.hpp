// Entering and leaving a span, inlined into every way of doing so.
#pragma once

#include "span_producer.hpp"
#include "spans.hpp"

namespace inference_bench::bindings {

// Whether a span may be entered although no recorder runs: yes while recorders are stopped, so that instrumented code
// need not know; no, with an exception set, once the last one was closed.
inline bool may_enter(const Span* span) { return !last_recorder_closed() || refuse_unless_finalizing(span); }

// Writes the beginning of an entry, 0 while no recorder runs. False with an exception set if the span must not be
// entered.
inline bool enter(const Span* span, std::uint64_t* entered) {
    *entered = span_ticks();
    return __builtin_expect(*entered != 0, 1) || may_enter(span);
}

// `args` are those of __exit__.
inline void leave(const Span* span, std::uint64_t entered, std::int64_t value, PyObject* const* args) {
    if (entered == 0) return;
    const std::uint64_t now = ticks();
    record_span(span->name_id, entered, now, value, args[0] != Py_None);
}

inline PyObject* wrong_arguments(const char* what, Py_ssize_t given, const char* allowed) {
    return PyErr_Format(PyExc_TypeError, "%s takes %s; given %zd argument(s)", what, allowed, given);
}

}  // namespace inference_bench::bindings

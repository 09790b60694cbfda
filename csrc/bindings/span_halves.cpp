// The two halves of a span that is not a block: begin() and end(), with an id or without.
#include "span_timing.hpp"

namespace inference_bench::bindings {

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

PyObject* span_begin_method(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    return span_begin(reinterpret_cast<Span*>(self), args, n);
}

PyObject* span_end_method(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    return span_end(reinterpret_cast<Span*>(self), args, n);
}

}  // namespace inference_bench::bindings

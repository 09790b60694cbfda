// Declarations that the files about spans share. Plain C types throughout: through pybind11 a `with` block costs ten
// times as much.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <cstdint>

namespace inference_bench::bindings {

struct SpanEntry;
struct OpenEntry;

// One per name, never destroyed: records refer to names by number, and callers hold the callables within.
struct Span {
    PyObject_HEAD std::uint32_t name_id;
    bool busy;                // entered through `enter` and not left: the next entry needs a SpanEntry
    bool begun;               // begin() without an id, and no end()
    std::uint64_t entered;    // ticks; 0 if no recorder ran
    std::uint64_t begun_at;   // ticks
    SpanEntry* handed_out;    // by the last look-up of __exit__ while busy; the next enter belongs to it. Not counted.
    OpenEntry* open_entries;  // entered by other means than a with statement, and not left
    PyObject* enter;          // made once, so that a with statement binds no method
    PyObject* exit;
    PyObject* name;
};

PyObject* make_span(PyObject* name, std::uint32_t name_id);
// The span of that name, borrowed; null with an exception set.
Span* find_span(PyObject* name);
bool is_span(PyObject* object);

PyObject* make_span_entry(Span* span, std::int64_t value);  // for one block, with a value
PyObject* make_span_function(Span* span, PyObject* function);
PyObject* make_span_coroutine(Span* span, PyObject* coroutine);

PyObject* span_begin(Span* span, PyObject* const* args, Py_ssize_t n);
PyObject* span_end(Span* span, PyObject* const* args, Py_ssize_t n);
PyObject* span_begin_method(PyObject* self, PyObject* const* args, Py_ssize_t n);
PyObject* span_end_method(PyObject* self, PyObject* const* args, Py_ssize_t n);

// For a span that is entered after the last recorder was closed: false with an exception set, or true while the
// interpreter ends.
bool refuse_unless_finalizing(const Span* span);

// Take an int, or an object with __index__. False with an exception set that names what was given.
bool decode_value(PyObject* object, std::int64_t* out);
bool decode_id(PyObject* object, std::uint64_t* out);

// What the __get__ of a descriptor of `type` returns for no object: itself. For an object of another type, to which any
// class may bring it by taking it as an attribute: null with TypeError set.
PyObject* descriptor_alone(PyObject* self, PyObject* of, PyTypeObject* type);

// Puts a descriptor into the dict of a new type. It is the only instance of its own type.
bool add_descriptor(PyObject* module, PyTypeObject* to, const char* name, const char* type_name, descrgetfunc get,
                    ternaryfunc call);

// Each adds its types or functions to the module; false with an exception set.
bool add_span_type(PyObject* module);
bool add_span_entry_type(PyObject* module);
bool add_span_function_type(PyObject* module);
bool add_span_coroutine_type(PyObject* module);
bool add_span_calls(PyObject* module);
bool add_noop_context(PyObject* module);

}  // namespace inference_bench::bindings

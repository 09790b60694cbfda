// Every use of CPython's API that its documentation does not promise, as of 3.14. A new Python version is checked here
// first: each function says what it relies on and what could replace it.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace inference_bench::bindings {

// Makes an object from a free list count as new: reference count 1, and known to a debug build.
// Relies on _Py_NewReference, exported and unchanged from 3.11 to 3.14. PyObject_Init is the documented replacement; it
// also sets the type and takes a reference to a heap type, which the free list would have to give back.
inline void revive(PyObject* object) noexcept { _Py_NewReference(object); }

// The thread's current context, borrowed, or null; for comparing identities alone.
// Relies on the field PyThreadState.context, there from 3.7 to 3.14. No public function returns it:
// PyContext_CopyCurrent makes a copy, and PyContext_AddWatcher (3.14) only tells when it changes.
inline PyObject* current_context(const PyThreadState* thread) noexcept { return thread->context; }

inline bool is_finalizing() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;  // made public in 3.13
#endif
}

// The dict of a heap type, borrowed. The caller changes it and calls PyType_Modified afterwards.
// Relies on the field tp_dict; PyType_GetDict (3.12) is the public replacement once 3.11 is dropped.
inline PyObject* dict_of(PyTypeObject* type) noexcept { return type->tp_dict; }

// A non-negative int of at most two digits (below 2^60), or -1 for anything else. PyLong_AsLongLong costs 2 ns more
// for one digit, and on 3.12 and later 12 ns more for two.
// Relies on the layout of PyLongObject: ob_size and ob_digit up to 3.11, long_value from 3.12 to 3.14 (the tag's lowest
// two bits are the sign, the third marks immortals in 3.14, and the rest is the number of digits). Public replacements:
// PyUnstable_Long_CompactValue (3.12) for one digit, PyLong_Export (3.14, PEP 757) for more.
inline std::int64_t small_int(PyObject* object) noexcept {
    if (!PyLong_CheckExact(object)) return -1;
    const auto* const number = reinterpret_cast<const PyLongObject*>(object);
#if PY_VERSION_HEX >= 0x030C0000
    const std::uintptr_t tag = number->long_value.lv_tag;
    const digit* const digits = number->long_value.ob_digit;
    if ((tag & 3) == 2) return -1;  // negative
    const std::uintptr_t size = tag >> 3;
#else
    const Py_ssize_t size = Py_SIZE(number);
    const digit* const digits = number->ob_digit;
#endif
    if (size == 1) return static_cast<std::int64_t>(digits[0]);
    if (size == 2) return static_cast<std::int64_t>(digits[0]) | (static_cast<std::int64_t>(digits[1]) << PyLong_SHIFT);
    return size == 0 ? 0 : -1;
}

}  // namespace inference_bench::bindings

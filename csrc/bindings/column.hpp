// A one-dimensional, read-only column of numbers that Python sees through the buffer protocol.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <memory>

namespace inference_bench::bindings {

template <typename T>
constexpr const char* kBufferFormat = nullptr;
template <>
inline constexpr const char* kBufferFormat<std::uint8_t> = "B";
template <>
inline constexpr const char* kBufferFormat<std::int32_t> = "i";
template <>
inline constexpr const char* kBufferFormat<std::int64_t> = "q";
template <>
inline constexpr const char* kBufferFormat<std::uint64_t> = "Q";
template <>
inline constexpr const char* kBufferFormat<std::uint16_t> = "H";

bool register_column(PyObject* module);

PyObject* make_memoryview(std::shared_ptr<const void> owner, const void* data, const char* format, Py_ssize_t itemsize,
                          std::size_t length);

// A new memoryview that keeps `data` (and whatever shares its ownership) alive; nullptr with an exception set on
// failure.
template <typename T>
PyObject* make_memoryview(const std::shared_ptr<const T[]>& data, std::size_t length) {
    return make_memoryview(data, data.get(), kBufferFormat<T>, sizeof(T), length);
}

}  // namespace inference_bench::bindings

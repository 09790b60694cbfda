#include "arguments.hpp"

#include <cstring>

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

bool is_native_int64(const py::buffer_info& info) {
    const char kind = info.format.empty() ? '?' : info.format.back();
    return info.ndim == 1 && info.itemsize == 8 && (kind == 'q' || kind == 'l') && info.format[0] != '>';
}

std::vector<std::int64_t> from_buffer(const std::string& name, const py::buffer_info& info) {
    if (!is_native_int64(info)) {
        throw py::type_error(name +
                             " must be whole numbers, or a buffer of one dimension of native int64; given format '" +
                             info.format + "', " + std::to_string(info.ndim) + " dimension(s)");
    }
    std::vector<std::int64_t> out(static_cast<std::size_t>(info.size));
    const char* at = static_cast<const char*>(info.ptr);
    for (std::int64_t& number : out) {
        std::memcpy(&number, at, sizeof number);
        at += info.strides[0];
    }
    return out;
}

}  // namespace

double real(const char* name, const py::handle& given) {
    const double value = PyFloat_AsDouble(given.ptr());
    if (value != -1.0 || PyErr_Occurred() == nullptr) return value;
    if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw py::error_already_set();
    PyErr_Clear();
    throw py::value_error(std::string(name) + " must fit a double; given " + py::repr(given).cast<std::string>());
}

std::vector<std::int64_t> whole_numbers(const char* name, const py::handle& given) {
    if (PyObject_CheckBuffer(given.ptr()) != 0) {
        return from_buffer(name, py::reinterpret_borrow<py::buffer>(given).request());
    }
    std::vector<std::int64_t> out;
    for (const py::handle item : py::iter(given)) {
        out.push_back(whole<std::int64_t>((name + ("[" + std::to_string(out.size()) + "]")).c_str(), item));
    }
    return out;
}

std::string bytes_of(const char* name, const py::handle& given) {
    Py_buffer view;
    if (PyObject_GetBuffer(given.ptr(), &view, PyBUF_SIMPLE) != 0) {
        PyErr_Clear();
        throw py::type_error(std::string(name) + " must be bytes, or another contiguous buffer; given " +
                             py::str(py::type::of(given).attr("__name__")).cast<std::string>());
    }
    std::string out(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len));
    PyBuffer_Release(&view);
    return out;
}

}  // namespace inference_bench::bindings

#include "native_class.hpp"

#include "pickling.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) {
    return PyErr_Format(PyExc_TypeError, "cannot create '%.200s' instances", type->tp_name);
}

void seal(PyTypeObject* type) {
    type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
    PyType_Modified(type);
}

PyTypeObject* base_class() { return reinterpret_cast<PyTypeObject*>(py::detail::get_internals().instance_base); }

}  // namespace

// No other module shares this base: CMakeLists.txt gives pybind11's internals a name of their own.
void guard_base_class() { base_class()->tp_new = refuse_new; }

void seal_types(py::module_& m) {
    for (const auto item : py::reinterpret_borrow<py::dict>(m.attr("__dict__"))) {
        if (!py::isinstance<py::type>(item.second)) continue;
        auto* const type = reinterpret_cast<PyTypeObject*>(item.second.ptr());
        if (!refuse_pickling(type)) throw py::error_already_set();
        seal(type);
    }
    seal(base_class());
}

}  // namespace inference_bench::bindings

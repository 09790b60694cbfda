#include "pickling.hpp"

#include "private_api.hpp"

namespace inference_bench::bindings {
namespace {

PyObject* refuse(PyObject* self, PyObject*) {
    return PyErr_Format(PyExc_TypeError, "cannot pickle or copy '%.200s' object", Py_TYPE(self)->tp_name);
}

PyMethodDef reduce_def = {"__reduce__", refuse, METH_NOARGS, "Refused: the object belongs to this process."};

}  // namespace

bool refuse_pickling(PyTypeObject* type) {
    PyObject* const name = PyUnicode_FromString(reduce_def.ml_name);
    if (name == nullptr) return false;
    int known = PyDict_Contains(dict_of(type), name);
    if (known == 0) {
        PyObject* const refusal = PyDescr_NewMethod(type, &reduce_def);
        known = refusal == nullptr ? -1 : PyDict_SetItem(dict_of(type), name, refusal);
        Py_XDECREF(refusal);
        PyType_Modified(type);
    }
    Py_DECREF(name);
    return known >= 0;
}

}  // namespace inference_bench::bindings

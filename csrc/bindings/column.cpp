#include "column.hpp"

#include <new>
#include <utility>

#include "pickling.hpp"

namespace inference_bench::bindings {
namespace {

struct Column {
    PyObject_HEAD std::shared_ptr<const void> owner;
    const void* data;
    const char* format;
    Py_ssize_t itemsize;
    Py_ssize_t length;
};

PyTypeObject* column_type = nullptr;

void column_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    reinterpret_cast<Column*>(self)->owner.~shared_ptr();
    type->tp_free(self);
    Py_DECREF(type);
}

int column_getbuffer(PyObject* self, Py_buffer* view, int flags) {
    auto* const column = reinterpret_cast<Column*>(self);
    const Py_ssize_t bytes = column->length * column->itemsize;
    if (PyBuffer_FillInfo(view, self, const_cast<void*>(column->data), bytes, /*readonly=*/1, flags) < 0) return -1;
    view->itemsize = column->itemsize;
    if ((flags & PyBUF_FORMAT) != 0) view->format = const_cast<char*>(column->format);
    if ((flags & PyBUF_ND) != 0) view->shape = &column->length;
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES) view->strides = &column->itemsize;
    return 0;
}

PyType_Slot column_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(column_dealloc)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(column_getbuffer)},
    {0, nullptr},
};

PyType_Spec column_spec = {
    "inference_bench._native._Column",
    sizeof(Column),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    column_slots,
};

}  // namespace

bool register_column(PyObject* module) {
    column_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &column_spec, nullptr));
    return column_type != nullptr && refuse_pickling(column_type);
}

PyObject* make_memoryview(std::shared_ptr<const void> owner, const void* data, const char* format, Py_ssize_t itemsize,
                          std::size_t length) {
    PyObject* const self = column_type->tp_alloc(column_type, 0);
    if (self == nullptr) return nullptr;
    auto* const column = reinterpret_cast<Column*>(self);
    new (&column->owner) std::shared_ptr<const void>(std::move(owner));
    column->data = data;
    column->format = format;
    column->itemsize = itemsize;
    column->length = static_cast<Py_ssize_t>(length);
    PyObject* const view = PyMemoryView_FromObject(self);
    Py_DECREF(self);
    return view;
}

}  // namespace inference_bench::bindings

// A plain C type, since pybind11's call would cost twice what recording a tick does.
#include "tick_recorder.hpp"

#include <new>

#include "clock.hpp"
#include "column.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

struct Recorder {
    PyObject_HEAD TickRecorder core;
    Py_ssize_t exports;  // live buffers: clear() would let new ticks overwrite what they show
};

Recorder* cast(PyObject* self) { return reinterpret_cast<Recorder*>(self); }

PyObject* recorder_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    const char* names[] = {"capacity", nullptr};
    PyObject* given = nullptr;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O!:TickRecorder", const_cast<char**>(names), &PyLong_Type, &given) ==
        0) {
        return nullptr;
    }
    int overflow = 0;
    const long long capacity = PyLong_AsLongLongAndOverflow(given, &overflow);
    if (overflow != 0 || capacity < 1 || capacity > static_cast<long long>(TickRecorder::kMaxCapacity)) {
        return PyErr_Format(PyExc_ValueError, "capacity must be from 1 to %zu ticks; given %S",
                            TickRecorder::kMaxCapacity, given);
    }
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    try {
        new (&cast(self)->core) TickRecorder(static_cast<std::size_t>(capacity));
    } catch (const std::bad_alloc&) {
        type->tp_free(self);
        Py_DECREF(type);
        return PyErr_NoMemory();
    }
    return self;
}

void recorder_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    cast(self)->core.~TickRecorder();
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* recorder_tick(PyObject* self, PyObject*) {
    cast(self)->core.tick();
    Py_RETURN_NONE;
}

PyObject* recorder_clear(PyObject* self, PyObject*) {
    Recorder* const recorder = cast(self);
    if (recorder->exports > 0) {
        return PyErr_Format(PyExc_BufferError, "cannot clear: %zd view(s) of the ticks are alive; release them first",
                            recorder->exports);
    }
    recorder->core.clear();
    Py_RETURN_NONE;
}

PyObject* recorder_nanoseconds(PyObject* self, PyObject*) {
    const TickRecorder& core = cast(self)->core;
    const std::size_t n = core.size();
    std::shared_ptr<std::int64_t[]> ns;
    try {
        ns.reset(new std::int64_t[n]);
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
    // Held against clear() from another thread while the GIL is away; tick() only writes beyond the first n.
    ++cast(self)->exports;
    {
        const WithoutGil released;
        ticks_to_ns(core.data(), ns.get(), n);
    }
    --cast(self)->exports;
    return make_memoryview<std::int64_t>(ns, n);
}

Py_ssize_t recorder_length(PyObject* self) { return static_cast<Py_ssize_t>(cast(self)->core.size()); }

int recorder_getbuffer(PyObject* self, Py_buffer* view, int flags) {
    Recorder* const recorder = cast(self);
    const auto n = static_cast<Py_ssize_t>(recorder->core.size());
    if (PyBuffer_FillInfo(view, self, const_cast<std::uint64_t*>(recorder->core.data()), n * 8, /*readonly=*/1, flags) <
        0)
        return -1;
    auto* const shape = static_cast<Py_ssize_t*>(PyMem_Malloc(2 * sizeof(Py_ssize_t)));
    if (shape == nullptr) {
        Py_CLEAR(view->obj);  // not PyBuffer_Release, which would count an export down that was never counted up
        PyErr_NoMemory();
        return -1;
    }
    // Its own shape for each view: the recorder may have grown by the next one.
    shape[0] = n;
    shape[1] = 8;
    view->internal = shape;
    view->itemsize = 8;
    if ((flags & PyBUF_FORMAT) != 0) view->format = const_cast<char*>(kBufferFormat<std::uint64_t>);
    if ((flags & PyBUF_ND) != 0) view->shape = shape;
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES) view->strides = shape + 1;
    ++recorder->exports;
    return 0;
}

void recorder_releasebuffer(PyObject* self, Py_buffer* view) {
    PyMem_Free(view->internal);
    --cast(self)->exports;
}

PyObject* recorder_capacity(PyObject* self, void*) { return PyLong_FromSize_t(cast(self)->core.capacity()); }
PyObject* recorder_dropped(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(cast(self)->core.dropped()); }

PyMethodDef recorder_methods[] = {
    {"tick", recorder_tick, METH_NOARGS, "Record the present tick; counted and dropped when full."},
    {"clear", recorder_clear, METH_NOARGS, "Forget all ticks; BufferError while a view of them is alive."},
    {"nanoseconds", recorder_nanoseconds, METH_NOARGS, "The ticks as a memoryview of int64 nanoseconds."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef recorder_getset[] = {
    {"capacity", recorder_capacity, nullptr, "How many ticks fit.", nullptr},
    {"dropped", recorder_dropped, nullptr, "How many did not.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot recorder_slots[] = {
    {Py_tp_doc, const_cast<char*>("A fixed array of raw ticks: no allocation and no page fault while recording.")},
    {Py_tp_new, reinterpret_cast<void*>(recorder_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(recorder_dealloc)},
    {Py_tp_methods, recorder_methods},
    {Py_tp_getset, recorder_getset},
    {Py_sq_length, reinterpret_cast<void*>(recorder_length)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(recorder_getbuffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(recorder_releasebuffer)},
    {0, nullptr},
};

PyType_Spec recorder_spec = {
    "inference_bench._native.TickRecorder",        sizeof(Recorder), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, recorder_slots,
};

}  // namespace

void register_tick_recorder(py::module_& m) {
    PyObject* const type = PyType_FromModuleAndSpec(m.ptr(), &recorder_spec, nullptr);
    if (type == nullptr) throw py::error_already_set();
    m.add_object("TickRecorder", py::reinterpret_steal<py::object>(type));
}

}  // namespace inference_bench::bindings

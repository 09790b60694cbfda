// begin() and end() are plain C functions; everything around them goes through pybind11.
#include "cuda_event_timer.hpp"

#include <stdexcept>
#include <string>

#include "column.hpp"
#include "guarded.hpp"
#include "method.hpp"
#include "register.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using cuda::CudaEventTimer;
using Refusal = CudaEventTimer::Refusal;

struct Timer {
    PyObject_HEAD CudaEventTimer* core;
};

CudaEventTimer& core(PyObject* self) { return *reinterpret_cast<Timer*>(self)->core; }

constexpr std::int64_t kSliceNs = 100'000'000;  // between two looks at Ctrl-C
constexpr long long kMostCalls = 1'000'000'000;

// ---- hot

// False with an exception set unless `given` is an int from `least` to `most`.
bool integer(PyObject* given, const char* name, unsigned long long least, unsigned long long most,
             unsigned long long& out) {
    if (!PyLong_Check(given)) {
        PyErr_Format(PyExc_TypeError, "%s must be an int; given %R", name, given);
        return false;
    }
    out = PyLong_AsUnsignedLongLong(given);
    const bool failed = out == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr;
    if (!failed && out >= least && out <= most) return true;
    PyErr_Clear();  // an OverflowError, which would name no limit
    PyErr_Format(PyExc_ValueError, "%s must be from %llu to %llu; given %S", name, least, most, given);
    return false;
}

PyObject* refused(Refusal why, const CudaEventTimer& timer, PyObject* id) {
    switch (why) {
        case Refusal::None:
            Py_RETURN_NONE;
        case Refusal::Forked:
            return PyErr_Format(PyExc_RuntimeError,
                                "this CudaEventTimer belongs to the process that this one was forked from, and CUDA "
                                "does not survive a fork: start processes with multiprocessing's 'spawn' method");
        case Refusal::TooManyOpen:
            return PyErr_Format(PyExc_RuntimeError, "%zu intervals are open, which is the most: end() some first",
                                CudaEventTimer::kMaxOpen);
        case Refusal::NoneOpen:
            return PyErr_Format(PyExc_RuntimeError, "end() without begin(): no interval is open");
        case Refusal::SeveralOpen:
            return PyErr_Format(PyExc_RuntimeError, "%zu intervals are open: give end() what begin() returned",
                                timer.open());
        case Refusal::UnknownId:
            break;
    }
    return PyErr_Format(PyExc_ValueError, "no interval %S is open: it was never begun, or has ended", id);
}

PyObject* timer_begin(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    if (n < 1 || n > 2) {
        return PyErr_Format(PyExc_TypeError,
                            "begin() takes a stream and, at most, a number of calls; given %zd arguments", n);
    }
    unsigned long long stream = 0;
    unsigned long long calls = 1;
    if (!integer(args[0], "stream", 0, UINTPTR_MAX, stream)) return nullptr;
    if (n == 2 && !integer(args[1], "calls", 1, kMostCalls, calls)) return nullptr;
    std::uint64_t id = 0;
    const Refusal why = core(self).begin(static_cast<std::uintptr_t>(stream), static_cast<std::uint32_t>(calls), id);
    if (why != Refusal::None) return refused(why, core(self), Py_None);
    return PyLong_FromUnsignedLongLong(id);
}

PyObject* timer_end(PyObject* self, PyObject* const* args, Py_ssize_t n) {
    if (n == 0) return refused(core(self).end(), core(self), Py_None);
    if (n > 1) return PyErr_Format(PyExc_TypeError, "end() takes at most one argument; given %zd", n);
    unsigned long long id = 0;
    if (!integer(args[0], "id", 0, INT64_MAX, id)) return nullptr;
    return refused(core(self).end(id), core(self), args[0]);
}

// ---- the rest

void refuse_foreign(const CudaEventTimer& timer) {
    if (!timer.foreign()) return;
    refused(Refusal::Forked, timer, Py_None);
    throw py::error_already_set();
}

template <typename T>
py::object view(const std::shared_ptr<const T[]>& data, std::size_t rows) {
    PyObject* const made = make_memoryview<T>(data, rows);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

PyObject* timer_collect(PyObject* self, PyObject* args, PyObject* kwargs) {
    const char* names[] = {"wait", nullptr};
    int wait = 1;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "|p:collect", const_cast<char**>(names), &wait) == 0) return nullptr;
    return guarded([&]() -> py::object {
        CudaEventTimer& timer = core(self);
        refuse_foreign(timer);
        bool done = false;
        while (!done) {
            {
                const WithoutGil released;
                done = timer.read_until(wait != 0 ? monotonic_ns() + kSliceNs : 0) || wait == 0;
            }
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        }
        cuda::CudaColumns c{};
        {
            const WithoutGil released;
            c = timer.take_columns();
        }
        return py::dict("id"_a = view(c.id, c.rows), "stream"_a = view(c.stream, c.rows),
                        "calls"_a = view(c.calls, c.rows), "host_begin_ns"_a = view(c.host_begin_ns, c.rows),
                        "host_ns"_a = view(c.host_ns, c.rows), "gpu_begin_ns"_a = view(c.gpu_begin_ns, c.rows),
                        "gpu_ns"_a = view(c.gpu_ns, c.rows), "gap_ns"_a = view(c.gap_ns, c.rows),
                        "status"_a = view(c.status, c.rows), "error"_a = view(c.error, c.rows));
    });
}

PyObject* timer_floor(PyObject* self, PyObject*) {
    return guarded([&]() -> py::object {
        const cuda::EventFloor f = core(self).floor();
        return py::dict("pairs"_a = f.pairs, "gpu_min_ns"_a = f.gpu_min_ns, "gpu_median_ns"_a = f.gpu_median_ns,
                        "gpu_max_ns"_a = f.gpu_max_ns, "record_min_ns"_a = f.record_min_ns,
                        "record_median_ns"_a = f.record_median_ns);
    });
}

py::object text_or_none(const std::string& text) { return text.empty() ? py::object(py::none()) : py::str(text); }

PyObject* timer_describe(PyObject* self, PyObject*) {
    return guarded([&]() -> py::object {
        CudaEventTimer& timer = core(self);
        refuse_foreign(timer);
        cuda::CudaTimerStats s{};
        std::string name, pci_bus_id;
        {
            const WithoutGil released;
            s = timer.stats();
            name = timer.context().device_name();
            pci_bus_id = timer.context().pci_bus_id();
        }
        const cuda::Driver& driver = timer.context().driver();
        return py::dict("library"_a = driver.library, "driver_version"_a = driver.version,
                        "device"_a = timer.context().device(), "device_name"_a = name, "pci_bus_id"_a = pci_bus_id,
                        "retained_primary_context"_a = timer.context().retained(), "capacity"_a = s.capacity,
                        "open"_a = timer.open(), "begun"_a = s.begun, "read"_a = s.read, "exhausted"_a = s.exhausted,
                        "dropped"_a = s.dropped, "grown"_a = s.grown, "failed"_a = s.failed, "queries"_a = s.queries,
                        "reader"_a = s.reader, "growth_error"_a = text_or_none(s.growth_error),
                        "anchor_error"_a = text_or_none(s.anchor_error), "anchors"_a = s.timeline.anchors,
                        "anchor_width_ns"_a = s.timeline.anchor_width_ns, "rebases"_a = s.timeline.rebases,
                        "longest_step_ns"_a = s.timeline.longest_step_ns, "gpu_clock_ppm"_a = s.timeline.gpu_clock_ppm);
    });
}

PyObject* timer_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    const char* names[] = {"capacity", "reader", "device", nullptr};
    PyObject* given_capacity = nullptr;
    int reader = 0;
    PyObject* given_device = Py_None;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "|OpO:CudaEventTimer", const_cast<char**>(names), &given_capacity,
                                    &reader, &given_device) == 0) {
        return nullptr;
    }
    unsigned long long capacity = 256;
    unsigned long long device = 0;
    if (given_capacity != nullptr && !integer(given_capacity, "capacity", 1, cuda::CudaEventPool::kMaxPairs, capacity))
        return nullptr;
    if (given_device != Py_None && !integer(given_device, "device", 0, 1023, device)) return nullptr;
    const int ordinal = given_device == Py_None ? cuda::CudaContext::kAnyDevice : static_cast<int>(device);
    return guarded([&] {
        std::unique_ptr<CudaEventTimer> made;
        {
            const WithoutGil released;
            const cuda::Availability found = cuda::load_driver();
            if (found.driver == nullptr) throw std::runtime_error("CUDA cannot be used: " + found.reason);
            made = std::make_unique<CudaEventTimer>(*found.driver, capacity, ordinal, reader != 0);
        }
        PyObject* const self = type->tp_alloc(type, 0);
        if (self == nullptr) throw py::error_already_set();
        reinterpret_cast<Timer*>(self)->core = made.release();
        return py::reinterpret_steal<py::object>(self);
    });
}

void timer_dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    delete reinterpret_cast<Timer*>(self)->core;
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef timer_methods[] = {
    {"begin", as_method(timer_begin), METH_FASTCALL, "Record an event on a stream; the interval's id."},
    {"end", as_method(timer_end), METH_FASTCALL, "Record the interval's other event on the same stream."},
    {"collect", as_method(timer_collect), METH_VARARGS | METH_KEYWORDS,
     "Return the intervals that ended since the last call, as columns."},
    {"floor", timer_floor, METH_NOARGS, "Return the readings of two events with nothing between them."},
    {"describe", timer_describe, METH_NOARGS, "Device, driver, counts, and how the GPU's clock was mapped."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot timer_slots[] = {
    {Py_tp_doc, const_cast<char*>("Times GPU work between two points of a stream, with pre-made events.")},
    {Py_tp_new, reinterpret_cast<void*>(timer_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(timer_dealloc)},
    {Py_tp_methods, timer_methods},
    {0, nullptr},
};

PyType_Spec timer_spec = {
    "inference_bench._native.CudaEventTimer",      sizeof(Timer), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, timer_slots,
};

py::tuple cuda_available() {
    cuda::Availability found{};
    {
        const WithoutGil released;
        found = cuda::load_driver();
    }
    return py::make_tuple(found.driver != nullptr, found.reason);
}

}  // namespace

void register_cuda(py::module_& m) {
    PyObject* const type = PyType_FromModuleAndSpec(m.ptr(), &timer_spec, nullptr);
    if (type == nullptr) throw py::error_already_set();
    m.add_object("CudaEventTimer", py::reinterpret_steal<py::object>(type));
    m.def("cuda_available", &cuda_available, "Return whether a CUDA driver can be loaded, and which or why not.");
}

}  // namespace inference_bench::bindings
